"""One installation for the whole table: one service of each kind, so that whoever is down has no stand-in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from keys import write_policy
from paseport_testkit.harness.nginx import write_bare_app
from paseport_testkit.harness.stack import Stack
from people import GRACE_SECONDS, KEY_DOCUMENT_SECONDS, People
from verifying_services import register_verifier


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An issuer and an api, whose links and whose Redis network can be cut."""
    folder = tmp_path_factory.mktemp("failure-table")
    app = write_bare_app(folder / "app")
    settings = {
        "PASEPORT_PASSWORD_WORK_FACTOR": "10",
        "PASEPORT_REFRESH_GRACE": str(GRACE_SECONDS),
        "PASEPORT_KEY_DOCUMENT_MAX_AGE": str(KEY_DOCUMENT_SECONDS),
        "PASEPORT_POLICY_FILE": str(write_policy(folder)),
    }
    with Stack(folder / "stack", app=app, links=True, partitionable=True, settings=settings) as running:
        yield running


@pytest.fixture(scope="session")
def everybody(stack: Stack) -> Iterator[People]:
    """Whoever uses it."""
    with People(stack) as people:
        yield people


@pytest.fixture(scope="session")
def credential(everybody: People) -> tuple[str, str]:
    """Of a registered verifier."""
    everybody.let_admin_in()
    return register_verifier(everybody.admin)


@pytest.fixture
def people(stack: Stack, everybody: People) -> Iterator[People]:
    """Everybody, with the administrator signed in. What the test broke is mended after it."""
    everybody.let_admin_in()
    yield everybody
    stack.restore()
