"""``paseport login``: an administrator signs in through the browser, and commands act as them."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, TextIO

import httpx
import pytest
import pytest_asyncio
from browser_user import begin_login, log_in, sign_in_with, visit
from installation import DEADLINE_SECONDS, Installation, Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cli-login")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def paseport(folder: Path) -> AsyncIterator[Running]:
    async with Installation(folder, PASEPORT_ADMIN_PASSWORD=PASSWORD).started() as running:
        yield running


@pytest.fixture
def laptop(tmp_path: Path) -> Installation:
    """A machine of somebody's, on which no issuer runs and nobody has signed in."""
    return Installation(tmp_path, XDG_CONFIG_HOME=str(tmp_path / "config"))


def file_of(laptop: Installation) -> Path:
    return Path(laptop.settings["XDG_CONFIG_HOME"]) / "paseport" / "sign-ins.json"


def held(laptop: Installation, paseport: Running) -> dict[str, Any]:
    """What the file holds of this issuer."""
    sign_in: dict[str, Any] = json.loads(file_of(laptop).read_text())["sign_ins"][paseport.url]
    return sign_in


def age(laptop: Installation, paseport: Running) -> None:
    """Let the access token be over, as far as the command line knows."""
    content = json.loads(file_of(laptop).read_text())
    content["sign_ins"][paseport.url]["expires_at"] = 0
    file_of(laptop).write_text(json.dumps(content))


async def devices(paseport: Running) -> list[dict[str, Any]]:
    """What the administrator's list of devices shows."""
    async with paseport.client() as browser:
        token = await paseport.sign_in(browser, "admin", PASSWORD)
        listed = await browser.get("/me/v1/sessions", headers={"Authorization": f"Bearer {token}"})
    found: list[dict[str, Any]] = listed.json()["devices"]
    return found


async def test_an_administrator_signs_in_and_administers(laptop: Installation, paseport: Running) -> None:
    ended = await log_in(laptop, paseport, "admin", PASSWORD)
    users = await laptop.run("users", "list", "--issuer", paseport.url, "--json")
    made = await laptop.run(
        "clients", "create", "shop-1", "--name", "Shop", "--redirect-uri", "https://shop.example/cb", "--json",
        PASEPORT_ISSUER=paseport.url,
    )  # fmt: skip
    keys = await laptop.run("keys", "list", "--json", PASEPORT_ISSUER=f"{paseport.url}/")

    assert (ended.code, ended.out) == (0, f"Signed in to {paseport.url} as admin.\n")
    assert (users.code, users.err) == (0, "")
    assert "admin" in [user["username"] for user in users.json()["items"]]
    assert (made.code, made.json()["client_id"], keys.code) == (0, "shop-1", 0)


async def test_the_sign_in_is_kept_where_only_its_owner_reads(laptop: Installation, paseport: Running) -> None:
    ended = await log_in(laptop, paseport, "admin", PASSWORD, "--json")

    kept = held(laptop, paseport)
    assert ended.json() == {"issuer": paseport.url, "username": "admin"}
    assert stat.S_IMODE(file_of(laptop).stat().st_mode) == 0o600
    assert stat.S_IMODE(file_of(laptop).parent.stat().st_mode) == 0o700
    for secret in (kept["access_token"], kept["refresh_token"]):
        assert secret not in ended.out + ended.err


async def test_a_file_that_others_may_read_is_not_used(laptop: Installation, paseport: Running) -> None:
    await log_in(laptop, paseport, "admin", PASSWORD)
    file_of(laptop).chmod(0o640)

    ended = await laptop.run("users", "list", "--issuer", paseport.url, "--json")

    assert (ended.code, ended.json()["error"]["code"]) == (1, "sign_ins_problem")


async def test_commands_act_with_the_roles_of_whoever_signed_in(laptop: Installation, paseport: Running) -> None:
    """AD-01."""
    async with paseport.client() as browser:
        token = await paseport.sign_in(browser, "admin", PASSWORD)
        user = {"username": "bob", "email": "bob@example.com", "password": PASSWORD, "roles": ["User"]}
        created = await browser.post("/users/v1", json=user, headers={"Authorization": f"Bearer {token}"})
        assert created.status_code == 201
    await log_in(laptop, paseport, "bob", PASSWORD)

    ended = await laptop.run("users", "list", "--issuer", paseport.url, "--json")

    assert (ended.code, ended.json()["error"]["code"]) == (1, "insufficient_role")


async def test_who_is_not_signed_in_is_told_how_to(laptop: Installation, paseport: Running) -> None:
    ended = await laptop.run("users", "list", "--issuer", paseport.url)

    assert (ended.code, ended.out) == (1, "")
    assert f"paseport login --issuer {paseport.url}" in ended.err


# --- the way back from the browser ------------------------------------------------------------------------------------


async def test_the_request_is_that_of_a_native_client(laptop: Installation, paseport: Running) -> None:
    """RFC 8252 §7.3, AZ-04, AZ-09."""
    command = await begin_login(laptop, "--issuer", paseport.url)
    try:
        parameters = command.parameters
        assert (parameters["client_id"], parameters["code_challenge_method"]) == ("cli", "S256")
        assert command.redirect_uri.startswith("http://127.0.0.1:")
        assert len(parameters["state"]) >= 32
        # So that what needs a fresh sign-in can be done with it (AD-14).
        assert parameters["prompt"] == "login"
    finally:
        await command.stop()


async def test_answers_that_nobody_asked_for_end_nothing(laptop: Installation, paseport: Running) -> None:
    """Any page can send a browser to the loopback address: without the state it is told so, and the wait goes on."""
    command = await begin_login(laptop, "--issuer", paseport.url)
    async with paseport.client() as browser:
        answer = await sign_in_with(browser, command, "admin", PASSWORD)
        foreign = [
            await visit(f"{command.redirect_uri}?code=x&state=other&iss={paseport.url}"),
            await visit(f"{command.redirect_uri}?error=access_denied"),
            await visit(f"{answer}&code=second"),
            await visit(command.redirect_uri.replace("/callback", "/favicon.ico")),
        ]
        page = await visit(answer)

    assert [response.status_code for response in foreign] == [400, 400, 400, 404]
    assert (page.status_code, page.headers["referrer-policy"]) == (200, "no-referrer")
    assert page.headers["cache-control"] == "no-store"
    assert (await command.ended()).code == 0


async def test_an_answer_of_another_issuer_is_not_redeemed(laptop: Installation, paseport: Running) -> None:
    """RFC 9207: mix-up."""
    command = await begin_login(laptop, "--issuer", paseport.url, "--json")
    state = command.parameters["state"]

    await visit(f"{command.redirect_uri}?code=stolen&state={state}&iss=https://evil.example")

    ended = await command.ended()
    assert (ended.code, ended.json()["error"]["code"]) == (1, "unexpected_answer")
    assert not file_of(laptop).exists()


async def test_a_refused_sign_in_is_said_to_be_refused(laptop: Installation, paseport: Running) -> None:
    command = await begin_login(laptop, "--issuer", paseport.url, "--json")
    state = command.parameters["state"]

    await visit(f"{command.redirect_uri}?error=access_denied&state={state}&iss={paseport.url}")

    ended = await command.ended()
    assert (ended.code, ended.json()["error"]["code"]) == (1, "access_denied")


async def test_a_code_that_is_not_ours_signs_nobody_in(laptop: Installation, paseport: Running) -> None:
    command = await begin_login(laptop, "--issuer", paseport.url, "--json")
    state = command.parameters["state"]

    await visit(f"{command.redirect_uri}?code=invented&state={state}&iss={paseport.url}")

    ended = await command.ended()
    assert (ended.code, ended.json()["error"]["code"]) == (1, "invalid_grant")


# --- while it lasts ---------------------------------------------------------------------------------------------------


async def test_an_access_token_that_is_over_is_renewed(laptop: Installation, paseport: Running) -> None:
    await log_in(laptop, paseport, "admin", PASSWORD)
    before = held(laptop, paseport)
    age(laptop, paseport)

    ended = await laptop.run("users", "list", "--issuer", paseport.url, "--json")

    after = held(laptop, paseport)
    assert ended.code == 0
    assert after["refresh_token"] != before["refresh_token"]
    assert after["access_token"] != before["access_token"]
    assert stat.S_IMODE(file_of(laptop).stat().st_mode) == 0o600


async def test_commands_at_the_same_time_renew_it_one_after_the_other(laptop: Installation, paseport: Running) -> None:
    """TE-11: two rotations of one token look like a theft, so the second command waits for what the first one got."""
    await log_in(laptop, paseport, "admin", PASSWORD)
    fresh = file_of(laptop).read_text()
    age(laptop, paseport)

    with (file_of(laptop).parent / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = asyncio.create_task(laptop.run("users", "list", "--issuer", paseport.url, "--json"))
        await asyncio.to_thread(wait_for_a_waiter, lock)
        file_of(laptop).write_text(fresh)
    ended = await command

    assert ended.code == 0
    assert file_of(laptop).read_text() == fresh


def wait_for_a_waiter(lock: TextIO) -> None:
    """Return once another process is blocked on a lock that this one holds (proc_locks(5))."""
    inode = f":{os.fstat(lock.fileno()).st_ino} "
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not any("->" in line and inode in line for line in Path("/proc/locks").read_text().splitlines()):
        assert time.monotonic() < deadline, "the command does not wait for the lock"
        time.sleep(0.02)


async def test_a_device_that_was_ended_is_signed_out(laptop: Installation, paseport: Running) -> None:
    """TE-15: at once, and for good."""
    known = {device["id"] for device in await devices(paseport)}
    await log_in(laptop, paseport, "admin", PASSWORD)
    (device,) = [device for device in await devices(paseport) if device["id"] not in known]
    assert device["name"] == "Paseport command line"
    async with paseport.client() as browser:
        token = await paseport.sign_in(browser, "admin", PASSWORD)
        await browser.delete(f"/me/v1/devices/{device['id']}", headers={"Authorization": f"Bearer {token}"})

    at_once = await laptop.run("users", "list", "--issuer", paseport.url, "--json")
    age(laptop, paseport)
    later = await laptop.run("users", "list", "--issuer", paseport.url, "--json")

    assert (at_once.code, at_once.json()["error"]["code"]) == (1, "signed_out")
    assert (later.code, later.json()["error"]["code"]) == (1, "signed_out")
    assert paseport.url not in json.loads(file_of(laptop).read_text())["sign_ins"]


async def test_signing_in_again_ends_the_sign_in_before(laptop: Installation, paseport: Running) -> None:
    await log_in(laptop, paseport, "admin", PASSWORD)
    before = len(await devices(paseport))

    await log_in(laptop, paseport, "admin", PASSWORD)

    assert len(await devices(paseport)) == before


async def test_signing_out_ends_it_there_and_here(laptop: Installation, paseport: Running) -> None:
    await log_in(laptop, paseport, "admin", PASSWORD)
    kept = held(laptop, paseport)

    ended = await laptop.run("logout", "--issuer", paseport.url, "--json")
    again = await laptop.run("logout", "--issuer", paseport.url, "--json")

    assert (ended.code, ended.json()) == (0, {"issuer": paseport.url, "signed_out": True})
    assert (again.code, again.json()["signed_out"]) == (0, False)
    assert kept["refresh_token"] not in file_of(laptop).read_text()
    form = {"grant_type": "refresh_token", "client_id": "cli", "refresh_token": kept["refresh_token"]}
    async with httpx.AsyncClient(base_url=paseport.url, trust_env=False) as client:
        refused = await client.post("/oauth2/token", data=form)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


async def test_a_sign_out_that_the_issuer_did_not_hear_of_is_none(laptop: Installation, folder: Path) -> None:
    away = Installation(folder / "away", PASEPORT_ADMIN_PASSWORD=PASSWORD)
    async with away.started() as running:
        await log_in(laptop, running, "admin", PASSWORD)

    ended = await laptop.run("logout", "--issuer", running.url, "--json")
    assert (ended.code, ended.json()["error"]["code"]) == (3, "issuer_unreachable")
    assert held(laptop, running)["username"] == "admin"

    forgotten = await laptop.run("logout", "--issuer", running.url, "--forget", "--json")
    assert forgotten.code == 0
    assert json.loads(file_of(laptop).read_text())["sign_ins"] == {}


# --- what is named ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "auth.example.com",
        "http://auth.example.com",
        "ftp://auth.example.com",
        "https://auth.example.com/path",
        "https://auth.example.com?x=1",
        "https://auth.example.com#x",
        "https://user@auth.example.com",
        "https://auth.example.com:port",
        "https://",
        "http://127.0.0.1.example.com",
    ],
)
async def test_tokens_go_to_an_issuer_over_https_or_on_this_machine(laptop: Installation, text: str) -> None:
    for command in ("login", "logout"):
        ended = await laptop.run(command, "--issuer", text, "--json")

        assert (ended.code, ended.json()["error"]["code"]) == (2, "usage")


async def test_somebody_has_to_be_named_to_sign_in_to(laptop: Installation) -> None:
    ended = await laptop.run("login", "--json")

    assert (ended.code, ended.json()["error"]["code"]) == (2, "usage")


async def test_an_issuer_by_another_name_is_not_taken_for_it(laptop: Installation, paseport: Running) -> None:
    """RFC 8414 §3.3: what a document says about another issuer is worth nothing."""
    ended = await laptop.run("login", "--issuer", paseport.url.replace("localhost", "127.0.0.1"), "--json")

    assert ended.code == 1
    assert ended.json()["error"]["code"] in ("unexpected_answer", "unlisted_host")
