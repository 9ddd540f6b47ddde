"""The production topology as a whole: everything that people, drills and measurements start from."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import pytest
from paseport_testkit.harness.accounts import Account
from paseport_testkit.harness.nginx import write_bare_app
from paseport_testkit.harness.ports import free_port
from paseport_testkit.harness.process import ServerFailed
from paseport_testkit.harness.stack import ADMIN, DISABLED, USER, Stack
from paseport_testkit.harness.waiting import wait_until

COMMAND = (sys.executable, "-m", "paseport_testkit.stack")


@contextmanager
def browser(stack: Stack) -> Iterator[httpx.Client]:
    """Somebody in front of the edge."""
    headers = {"X-CSRF": "1", "Origin": stack.origin}
    with httpx.Client(base_url=stack.origin, verify=stack.edge.tls(), headers=headers, timeout=20) as client:
        yield client


def sign_in(client: httpx.Client, account: Account) -> httpx.Response:
    return client.post("/auth/v1/login/local", json={"username": account.username, "password": account.password})


def dashboard(client: httpx.Client, token: str) -> httpx.Response:
    return client.get("/api/dashboard", headers={"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize("name", [ADMIN, USER])
def test_the_seeded_accounts_sign_in_and_use_the_api(stack: Stack, name: str) -> None:
    with browser(stack) as client:
        answer = sign_in(client, stack.accounts[name])

        assert answer.status_code == 200, answer.text
        assert dashboard(client, answer.json()["access_token"]).status_code == 200


def test_the_disabled_account_does_not_sign_in(stack: Stack) -> None:
    with browser(stack) as client:
        assert sign_in(client, stack.accounts[DISABLED]).status_code == 401


def test_a_session_goes_on_after_the_redis_primary_was_killed(stack: Stack) -> None:
    with browser(stack) as client:
        assert sign_in(client, stack.accounts[USER]).status_code == 200
        primary = stack.redis.primary()

        primary.kill()
        stack.redis.wait_for_new_primary(primary)

        def refused() -> str | None:
            answer = client.post("/auth/v1/refresh")
            assert answer.status_code in (200, 503), answer.text
            return None if answer.status_code == 200 else answer.text

        wait_until("the session is refreshed", refused, 15)


def test_links_of_the_services_can_be_cut(stack: Stack) -> None:
    stack.links["vault"].cut()

    with browser(stack) as client:
        assert sign_in(client, stack.accounts[USER]).status_code == 503


def test_an_issuer_that_is_drained_ends_with_status_0_while_the_other_serves(stack: Stack) -> None:
    assert stack.issuers[0].drain() == 0

    with browser(stack) as client:
        assert sign_in(client, stack.accounts[USER]).status_code == 200


def test_a_service_can_be_started_while_what_it_needs_is_down(stack: Stack) -> None:
    stack.vault.kill()

    issuer = stack.start_issuer(1, until="live")

    assert httpx.get(f"{issuer.internal_url}/health/live").status_code == 200


def test_a_service_can_have_a_wrong_clock(stack: Stack) -> None:
    api = stack.start_api(1, until="live", clock_skew=timedelta(minutes=-5))

    answer = httpx.get(f"{api.internal_url}/health/live")

    behind = datetime.now(UTC) - parsedate_to_datetime(answer.headers["Date"])
    assert timedelta(minutes=4) < behind < timedelta(minutes=6)


def test_how_much_memory_a_service_has_can_be_asked(stack: Stack) -> None:
    assert 10 << 20 < stack.issuers[0].resident_bytes() < 1 << 30


def test_the_description_is_for_its_owner_and_names_every_process(stack: Stack) -> None:
    described = json.loads(stack.describe().read_text())

    assert stack.description.stat().st_mode & 0o077 == 0
    assert described["url"] == stack.origin
    assert described["accounts"][ADMIN]["password"] == stack.admin.password
    for name, pid in described["pids"].items():
        os.kill(pid, 0)
        assert (stack.logs / f"{name}.log").exists()


def test_it_serves_on_after_the_harness_restored_it(stack: Stack) -> None:
    stack.mariadb.kill()
    stack.vault.seal()
    stack.apis[0].kill()

    stack.restore()

    with browser(stack) as client:
        token = sign_in(client, stack.accounts[USER]).json()["access_token"]
        assert dashboard(client, token).status_code == 200


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    """`make stack` on a port and in a folder of its own."""
    app = write_bare_app(tmp_path / "app")
    options = [f"--port={free_port()}", f"--folder={tmp_path / 'stack'}", f"--app={app}"]
    return [*COMMAND, *options]


def test_the_command_refuses_a_port_that_is_taken(stack: Stack, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "paseport_testkit.stack",
        f"--port={stack.edge.port}",
        f"--folder={tmp_path / 'x'}",
    ]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 1
    assert f"port {stack.edge.port} of 127.0.0.1 is taken" in done.stderr
    assert not (tmp_path / "other.json").exists()


def test_the_command_touches_no_folder_that_holds_something_else(tmp_path: Path, command: list[str]) -> None:
    precious = tmp_path / "stack" / "precious"
    precious.parent.mkdir()
    precious.write_text("mine")

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 1
    assert "holds something else" in done.stderr
    assert precious.read_text() == "mine"


def test_the_command_runs_until_ctrl_c_and_starts_again_what_was_killed(tmp_path: Path, command: list[str]) -> None:
    description = tmp_path / "stack.json"
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            wait_until("it runs", lambda: None if description.exists() else "no stack.json", 120)
            before = json.loads(description.read_text())
            os.kill(before["pids"]["api-0"], signal.SIGKILL)
            wait_until(
                "the api runs again",
                lambda: (
                    None if json.loads(description.read_text())["pids"]["api-0"] != before["pids"]["api-0"] else "no"
                ),
                60,
            )
            after = json.loads(description.read_text())
            running.send_signal(signal.SIGINT)
            output, _ = running.communicate(timeout=60)
        finally:
            running.kill()

    assert running.returncode == 0
    assert before["url"] in output
    assert before["accounts"][ADMIN]["password"] in output
    assert not description.exists()
    for pid in after["pids"].values():
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_what_cannot_start_ends_everything_and_says_why(tmp_path: Path, stack: Stack) -> None:
    other = Stack(tmp_path / "stack", app=stack.folder.parent / "app", settings={"ACCESS_TOKEN_TTL": "soon"})

    with pytest.raises(ServerFailed, match="ACCESS_TOKEN_TTL"):
        other.start()

    assert not any(service.process.is_running for service in other.services)
