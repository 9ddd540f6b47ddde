"""One request that both services work on, found in both logs by one id."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from both_services import BothServices, running_both
from paseport_shared.request_context import current_request_id
from structlog.testing import capture_logs

PRINCIPALS = "/internal/v1/principals"
CHOSEN = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[BothServices]:
    async with running_both(tmp_path) as both:
        yield both


def with_request_id(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return event | {"request_id": current_request_id()}


def requests(log: list[MutableMapping[str, Any]], route: str) -> list[MutableMapping[str, Any]]:
    return [line for line in log if line["event"] == "request" and line["route"] == route]


async def test_what_the_issuer_is_asked_for_a_request_stands_under_the_same_id_in_its_log(both: BothServices) -> None:
    """The user's name is not known to the api: it asks the issuer."""
    await both.issuer.world.add_user("alice")
    token = await both.issuer.token("alice")

    with capture_logs(processors=[with_request_id]) as log:
        async with both.asking_api(token) as alice:
            answer = await alice.get("/api/dashboard")

    assert answer.status_code == 200
    (at_api,), at_issuer = requests(log, "/api/dashboard"), requests(log, PRINCIPALS)
    assert at_api["request_id"] == answer.headers["x-request-id"]
    assert {line["request_id"] for line in at_issuer} == {at_api["request_id"]}


async def test_two_requests_at_once_are_not_mixed_up(both: BothServices) -> None:
    users = [await both.issuer.world.add_user(name) for name in ("alice", "bob")]
    tokens = [await both.issuer.token(user.username) for user in users]

    async def ask(token: str) -> str:
        async with both.asking_api(token) as somebody:
            return (await somebody.get("/api/dashboard")).headers["x-request-id"]

    with capture_logs(processors=[with_request_id]) as log:
        ids = await asyncio.gather(*(ask(token) for token in tokens))

    assert len(set(ids)) == 2
    assert sorted(line["request_id"] for line in requests(log, PRINCIPALS)) == sorted(ids)


async def test_an_id_that_a_client_of_the_api_sends_reaches_neither_log(both: BothServices) -> None:
    """It could be that of somebody else's request."""
    await both.issuer.world.add_user("alice")
    token = await both.issuer.token("alice")

    with capture_logs(processors=[with_request_id]) as log:
        async with both.asking_api(token, **{"X-Request-Id": CHOSEN}) as alice:
            await alice.get("/api/dashboard")

    assert requests(log, PRINCIPALS)
    assert CHOSEN not in repr(log)


async def test_background_work_of_the_api_has_ids_of_its_own(both: BothServices) -> None:
    """While Redis is away the api follows the issuer's feed, for nobody's request."""
    feed = "/internal/v1/feed"
    with capture_logs(processors=[with_request_id]) as log, both.outages.redis:
        async with both.asking_api() as anybody:
            visit = await anybody.get("/api/health/live")
        await both.internal_port.has_answered(feed, times=2)

    ids = [line["request_id"] for line in requests(log, feed)]
    assert len(set(ids)) == len(ids)
    assert visit.headers["x-request-id"] not in ids
