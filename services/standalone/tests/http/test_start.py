"""Starting, stopping and restarting Paseport in one process, as its operator."""

import asyncio
import json
import signal
import socket
import stat
import time
from pathlib import Path

import pytest
from installation import Installation

PASSWORD = "correct horse battery staple"


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


async def test_the_first_token_is_there_within_five_seconds(installation: Installation) -> None:
    """P12, from an empty folder: keys, secrets, tables and the first administrator are made meanwhile.

    What other programs kept the processors busy with meanwhile is not counted.
    """
    installation.settings["PASEPORT_ADMIN_PASSWORD"] = PASSWORD
    del installation.settings["PASEPORT_PASSWORD_WORK_FACTOR"]
    began = time.monotonic()

    async with installation.started_by_an_operator() as paseport, paseport.client() as browser:
        assert await paseport.sign_in(browser, "admin", PASSWORD)
        seconds = time.monotonic() - began - paseport.waited_seconds()

    assert seconds <= 5


async def test_the_generated_password_is_printed_once_and_never_logged(installation: Installation) -> None:
    async with installation.started(LOG_LEVEL="DEBUG") as paseport, paseport.client() as browser:
        assert paseport.first_admin is not None
        password = paseport.first_admin["password"]
        assert await paseport.sign_in(browser, paseport.first_admin["username"], password)
    async with installation.started(LOG_LEVEL="DEBUG") as paseport, paseport.client() as browser:
        assert paseport.first_admin is None
        assert await paseport.sign_in(browser, "admin", password)

    assert password not in installation.log.read_text()
    assert all(password not in path.read_text("latin-1") for path in installation.data.iterdir())


async def test_a_chosen_password_is_neither_printed_nor_logged(installation: Installation) -> None:
    async with installation.started(PASEPORT_ADMIN_PASSWORD=PASSWORD) as paseport, paseport.client() as browser:
        assert paseport.first_admin == {"username": "admin", "password": None}
        assert await paseport.sign_in(browser, "admin", PASSWORD)

    assert PASSWORD not in installation.log.read_text()


async def test_people_read_the_address_the_password_and_what_this_mode_is_not(installation: Installation) -> None:
    process = await asyncio.create_subprocess_exec(
        *installation.command("run"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=installation.environment(),
    )
    assert process.stdout is not None
    lines = [(await asyncio.wait_for(process.stdout.readline(), 30)).decode() for _ in range(3)]
    process.terminate()
    await process.wait()

    assert lines[0].startswith("Paseport serves http://localhost:")
    assert "First administrator: admin, password: " in lines[1]
    assert "not: production" in lines[2]


async def test_a_restart_keeps_users_and_ends_sessions(installation: Installation) -> None:
    installation.settings["PASEPORT_ADMIN_PASSWORD"] = PASSWORD
    async with installation.started() as paseport, paseport.client() as browser:
        await paseport.sign_in(browser, "admin", PASSWORD)
        assert (await browser.post("/auth/v1/refresh")).status_code == 200
        cookies = dict(browser.cookies)
        assert await installation.run("users", "create", "alice", "--email", "alice@example.com")

    async with installation.started() as paseport, paseport.client() as browser:
        browser.cookies.update(cookies)
        refused = await browser.post("/auth/v1/refresh")
        users = (await installation.run("users", "list", "--json")).json()["items"]
        assert await paseport.sign_in(browser, "admin", PASSWORD)

    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_grant")
    assert [user["username"] for user in users] == ["admin", "alice", "cli"]


async def test_an_access_token_of_an_earlier_start_is_not_worth_more_than_its_session(
    installation: Installation,
) -> None:
    """Same port, so same issuer and audience: what was signed out before the restart stays signed out."""
    installation.settings["PASEPORT_ADMIN_PASSWORD"] = PASSWORD
    async with installation.started() as paseport, paseport.client() as browser:
        token = await paseport.sign_in(browser, "admin", PASSWORD)
        bearer = {"Authorization": f"Bearer {token}"}
        assert (await browser.get("/api/dashboard", headers=bearer)).status_code == 200
        assert (await browser.post("/auth/v1/logout")).status_code == 204
        port = paseport.url.rpartition(":")[2]

    async with installation.started(SERVER_PORT=port) as paseport, paseport.client() as browser:
        answer = await browser.get("/api/dashboard", headers=bearer)

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_in_order(installation: Installation, number: signal.Signals) -> None:
    """What was done last is on record, and the next start finds nothing left behind."""
    installation.settings["PASEPORT_ADMIN_PASSWORD"] = PASSWORD
    async with installation.started_by_an_operator() as paseport, paseport.client() as browser:
        await paseport.sign_in(browser, "admin", PASSWORD)
        await browser.post("/auth/v1/logout")
        code = await paseport.end(number)

    assert code == 0
    assert not (installation.data / "runtime.json").exists()


async def test_everything_it_makes_is_for_its_owner_alone(installation: Installation) -> None:
    async with installation.started():
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in installation.data.iterdir()}

    assert stat.S_IMODE(installation.data.stat().st_mode) == 0o700
    assert set(modes) >= {"paseport.db", "signing-keys.json", "password-pepper", "cli-secret", "runtime.json"}
    assert {name: mode for name, mode in modes.items() if mode != 0o600} == {}


# --- starts that cannot succeed: one clear line each --------------------------------------------------------------


async def refused(installation: Installation, **settings: str) -> str:
    """Try to start and return the one line that says why it does not."""
    ended = await installation.run("run", **settings)
    assert ended.code == 1
    assert ended.out == ""
    assert ended.err.count("\n") == 1, ended.err
    return ended.err


@pytest.mark.parametrize("variable", ["SERVER_PORT", "PASEPORT_INTERNAL_PORT"])
async def test_a_port_in_use_is_named_with_the_variable_that_chooses_another(
    installation: Installation, variable: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = await refused(installation, **{variable: str(port)})

    assert f"Port {port} is in use" in line
    assert f"{variable}=" in line
    assert not (installation.data / "paseport.db").exists()


async def test_a_second_process_on_the_same_folder_is_refused(installation: Installation) -> None:
    async with installation.started() as paseport:
        line = await refused(installation)
        assert f"process {paseport.process.pid}, {paseport.url}" in line

        async with paseport.client() as browser:
            assert (await browser.get("/health/ready")).status_code == 200


async def test_a_data_folder_that_cannot_be_written_is_refused(installation: Installation, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    line = await refused(installation, PASEPORT_DATA_DIR=str(tmp_path / "file" / "data"))

    assert "PASEPORT_DATA_DIR" in line


async def test_a_key_file_that_others_can_read_is_refused(installation: Installation) -> None:
    async with installation.started():
        pass
    (installation.data / "signing-keys.json").chmod(0o644)

    assert "chmod 600" in await refused(installation)


async def test_a_database_that_is_none_is_refused(installation: Installation) -> None:
    async with installation.started():
        pass
    (installation.data / "paseport.db").write_text("not a database, and longer than a header of a hundred bytes " * 9)

    assert "database" in await refused(installation)


async def test_an_app_that_was_not_built_is_refused(installation: Installation, tmp_path: Path) -> None:
    assert "make setup" in await refused(installation, PASEPORT_APP_DIR=str(tmp_path / "nothing"))


async def test_wrong_settings_are_reported_together(installation: Installation) -> None:
    """FT-22."""
    ended = await installation.run(
        "run", SERVER_PORT="http", SERVER_HOST="192.0.2.1", PASEPORT_ADMIN_PASSWORD="hunter2"
    )

    assert (ended.code, ended.out) == (1, "")
    assert all(name in ended.err for name in ("SERVER_PORT", "SERVER_HOST", "PASEPORT_ADMIN_PASSWORD"))
    assert "hunter2" not in ended.err


async def test_a_program_reads_the_refusal_as_json(installation: Installation, tmp_path: Path) -> None:
    ended = await installation.run("run", "--json", PASEPORT_APP_DIR=str(tmp_path / "nothing"))

    assert (ended.code, ended.err) == (1, "")
    assert json.loads(ended.out)["error"]["code"] == "app_not_built"
