"""``paseport keys``, used by an operator at a terminal and by a program."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from installation import DEADLINE_SECONDS, Installation, Running

MAX_AGE = {"PASEPORT_KEY_DOCUMENT_MAX_AGE": "1"}
"""So that a version may sign two and a half seconds after it was published."""


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path, **MAX_AGE)


@pytest.fixture
async def paseport(installation: Installation) -> AsyncIterator[Running]:
    async with installation.started() as running:
        yield running


async def states(installation: Installation, key: str = "access") -> list[tuple[int, str]]:
    listed = (await installation.run("keys", "list", "--json")).json()["keys"]
    return [(version["version"], version["status"]) for version in listed if version["key"] == key]


async def published_kids(paseport: Running) -> list[str]:
    async with paseport.client() as client:
        return [key["kid"] for key in (await client.get("/.well-known/paserk.json")).json()["keys"]]


async def sign_in(paseport: Running) -> str:
    assert paseport.first_admin is not None
    async with paseport.client() as client:
        return await paseport.sign_in(client, paseport.first_admin["username"], paseport.first_admin["password"])


async def test_an_operator_rotates_both_keys_with_one_command_each(
    installation: Installation, paseport: Running
) -> None:
    """KR-01, KR-07: told what happens, and when the rest can be done."""
    token = await sign_in(paseport)

    access = await installation.run("keys", "rotate")
    other = await installation.run("keys", "rotate", "--key", "id", "--json")
    table = await installation.run("keys", "list")

    assert (access.code, access.err) == (0, "")
    for said in ("Version 2 is published", "Until every verifier knows it", "Version 2 signs.", "keys retire 1"):
        assert said in access.out
    assert [(held["version"], held["status"]) for held in other.json()["keys"]] == [(1, "retiring"), (2, "active")]
    assert await states(installation) == [(1, "retiring"), (2, "active")]
    assert len(await published_kids(paseport)) == 2
    assert "retire" in table.out
    async with paseport.client() as client:
        answer = await client.get("/api/dashboard", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200, "a token of the version before"
    assert await sign_in(paseport) != token


async def test_an_operator_takes_the_steps_one_by_one(installation: Installation, paseport: Running) -> None:
    published = await installation.run("keys", "publish", "--json")
    again = await installation.run("keys", "publish")
    early = await installation.run("keys", "activate", "2", "--json")
    told = await installation.run("keys", "retire", "1")

    assert (published.json()["version"], published.json()["next_step"]) == (2, "activate")
    assert f"Version 2 is published and may sign from {published.json()['possible_from']} on." in again.out
    if early.code != 0:  # a machine that is slower than the wait
        error = early.json()["error"]
        assert error["code"] == "key_not_ready"
        assert error["advice"] == f"It can from {published.json()['possible_from']} on."
    assert (told.code, told.out) == (1, "")
    assert "cannot take that step now" in told.err


async def test_a_rotation_that_was_interrupted_goes_on_with_the_version_that_it_has(
    tmp_path: Path,
) -> None:
    """The wait is long enough for an interruption to come in time on a busy machine."""
    installation = Installation(tmp_path, PASEPORT_KEY_DOCUMENT_MAX_AGE="4")
    async with installation.started():
        process = await asyncio.create_subprocess_exec(
            *installation.command("keys", "rotate"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=installation.environment(PYTHONUNBUFFERED="1"),
            # Whoever runs the tests in the background of a script has its interruptions ignored, children included.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        assert process.stdout is not None
        async with asyncio.timeout(DEADLINE_SECONDS):
            while b"is published" not in await process.stdout.readline():
                assert process.returncode is None
        process.send_signal(signal.SIGINT)
        await process.communicate()
        assert process.returncode == 130

        ended = await installation.run("keys", "rotate")

        assert ended.code == 0
        assert "Version 2 signs." in ended.out
        assert await states(installation) == [(1, "retiring"), (2, "active")]


async def test_a_version_that_may_be_known_is_revoked_and_replaced(
    installation: Installation, paseport: Running
) -> None:
    """KR-04: every token of it is refused, the command line's next one is signed by the replacement."""
    token = await sign_in(paseport)

    unsure = await installation.run("keys", "revoke", "1", "--json")
    revoked = await installation.run("keys", "revoke", "1", "--replace", "--yes", "--json")

    assert (unsure.code, unsure.json()["error"]["code"]) == (2, "usage")
    assert "nothing would be signed" in unsure.json()["error"]["message"]
    assert revoked.json()["revoked"]["status"] == "revoked"
    assert (revoked.json()["signs"]["version"], revoked.json()["signs"]["status"]) == (2, "active")
    async with paseport.client() as client:
        answer = await client.get("/api/dashboard", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401
    assert await once_it_signs(installation) == [(1, "revoked"), (2, "active")]


async def test_one_that_waits_takes_the_place_of_a_revoked_one(installation: Installation, paseport: Running) -> None:
    """KR-04: of ID tokens here. Without one it is said that nothing is signed."""
    await installation.run("keys", "publish", "--key", "id")

    replaced = await installation.run("keys", "revoke", "1", "--key", "id", "--yes")
    last = await installation.run("keys", "revoke", "2", "--key", "id", "--yes")

    assert "Version 2 signs" in replaced.out
    assert "Nothing is signed until there is a newer version" in last.out
    assert await states(installation, "id") == [(1, "revoked"), (2, "revoked")]


async def test_a_key_file_that_was_removed_is_followed_by_one_with_other_numbers(installation: Installation) -> None:
    """KR-06: what the record says of the lost key is not said of the new one."""
    async with installation.started():
        before = (await installation.run("keys", "list", "--json")).json()["keys"]
    (installation.data / "signing-keys.json").unlink()

    async with installation.started():
        after = await once_it_signs(installation)

    assert [held["version"] for held in before] == [1, 1]
    assert after == [(1, "revoked"), (2, "active")]


@pytest.mark.parametrize("arguments", [("retire", "0"), ("activate",), ("revoke", "x"), ("rotate", "--key", "data")])
async def test_what_makes_no_sense_is_said_before_anybody_is_asked(
    installation: Installation, arguments: tuple[str, ...]
) -> None:
    ended = await installation.run("keys", *arguments, "--json")

    assert (ended.code, ended.json()["error"]["code"]) == (2, "usage")


async def once_it_signs(installation: Installation) -> list[tuple[int, str]]:
    """Return the states of the key of access tokens, as soon as somebody gets a token with which to ask."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            listed: Any = (await installation.run("keys", "list", "--json")).json()
            if "keys" in listed:
                return [(held["version"], held["status"]) for held in listed["keys"] if held["key"] == "access"]
            assert listed["error"]["code"] == "unavailable", listed
