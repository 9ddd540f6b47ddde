"""``POST /api/users/{sub}/tokens/import``: administrators, everybody else, and hostile input."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from issuer_http import HttpWorld, problem
from issuer_sqlite import running_on_sqlite
from paseport_shared.domain.models.user import User

PAST = "2020-01-01T00:00:00Z"


def a_key(number: int = 1, **changes: Any) -> dict[str, Any]:
    digest = hashlib.sha256(f"token {number} and pepper".encode()).hexdigest()
    key = {"digest": digest, "name": f"till {number}", "hosts": ["app.example.com"], "expires_at": None}
    return {**key, **changes}


@dataclass
class Place:
    """An issuer, a user whose the keys become, and what an administrator signs in with."""

    http: HttpWorld
    shop: User
    path: str
    token: str

    async def bring(self, *keys: dict[str, Any], token: str | None = None, **more: Any) -> httpx.Response:
        """Ask for an import, as the administrator unless another token is given."""
        async with self.http.bearer(token or self.token) as client:
            return await client.post(self.path, json={"keys": list(keys), **more})


async def place_of(http: HttpWorld) -> Place:
    shop = await http.world.add_user("shop")
    await http.world.add_user("root", roles=("Admin", "User"))
    return Place(http, shop, f"/api/users/{shop.id}/tokens/import", await http.token("root"))


@pytest.fixture
async def place(http: HttpWorld) -> Place:
    return await place_of(http)


async def test_an_administrator_imports_keys_and_sees_them_like_any_other(place: Place) -> None:
    rehearsed = await place.bring(a_key(1), a_key(2), dry_run=True)
    done = await place.bring(a_key(1), a_key(2))
    again = await place.bring(a_key(2), a_key(3))
    async with place.http.bearer(place.token) as client:
        listed = (await client.get(f"/api/users/{place.shop.id}/tokens")).json()

    assert rehearsed.json() == {
        "items": [{"digest": a_key(number)["digest"], "outcome": "created", "id": None} for number in (1, 2)],
        "dry_run": True,
    }
    assert (done.status_code, [item["outcome"] for item in done.json()["items"]]) == (200, ["created"] * 2)
    assert [item["outcome"] for item in again.json()["items"]] == ["present", "created"]
    assert again.json()["items"][0]["id"] == done.json()["items"][1]["id"]
    assert {(key["name"], key["expires_at"]) for key in listed["items"]} == {
        ("till 1", None),
        ("till 2", None),
        ("till 3", None),
    }
    assert a_key(1)["digest"] not in str(listed)


async def test_nobody_else_imports_keys(place: Place) -> None:
    """AD-01, AD-05: no token, a plain user, a key as credential, a machine."""
    await place.http.world.add_user("alice")
    alice = await place.http.token("alice")
    statuses = {}
    async with place.http.bearer(None) as client:
        statuses["nobody"] = (await client.post(place.path, json={"keys": [a_key()]})).status_code
    statuses["alice"] = (await place.bring(a_key(), token=alice)).status_code
    async with place.http.bearer(alice) as client:
        text = (await client.post("/api/me/tokens", json={"name": "hers"})).json()["key"]
    statuses["a key"] = (await place.bring(a_key(), token=text)).status_code

    assert statuses == {"nobody": 401, "alice": 403, "a key": 401}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"keys": []}, 400),
        ({}, 400),
        ({"keys": [a_key(digest="x")]}, 400),
        ({"keys": [a_key(digest="A" * 64)]}, 400),
        ({"keys": [a_key(secret="x")]}, 400),
        ({"keys": [{"digest": "a" * 64, "name": "no end is said"}]}, 400),
        ({"keys": [a_key(expires_at=PAST)]}, 422),
        ({"keys": [a_key(expires_at="2030-01-01T00:00:00")]}, 400),
        ({"keys": [a_key(hosts=["https://app.example.com"])]}, 422),
        ({"keys": [a_key(scopes=["admin"])]}, 422),
        ({"keys": [a_key(roles=["Admin"])]}, 422),
        ({"keys": [a_key(), a_key()]}, 422),
        ({"keys": [a_key(number) for number in range(501)]}, 400),
    ],
)
async def test_what_cannot_be_imported_is_refused_whole(place: Place, body: dict[str, Any], status: int) -> None:
    async with place.http.bearer(place.token) as client:
        answer = await client.post(place.path, json=body)
        listed = await client.get("/api/users/-/tokens")

    assert answer.status_code == status, answer.text
    assert listed.json()["total"] == 0
    assert "A" * 64 not in answer.text


async def test_an_owner_who_is_not_there_is_not_found(place: Place) -> None:
    async with place.http.bearer(place.token) as client:
        answer = await client.post(
            "/api/users/00000000-0000-7000-8000-000000000001/tokens/import", json={"keys": [a_key()]}
        )

    assert (answer.status_code, problem(answer)["code"]) == (404, "not_found")


# --- on a database ----------------------------------------------------------------------------------------------------


@pytest.fixture
async def on_sqlite(tmp_path: Path) -> AsyncIterator[Place]:
    async with running_on_sqlite(tmp_path) as (http, _):
        yield await place_of(http)


async def test_ten_who_import_the_same_keys_make_each_once(on_sqlite: Place) -> None:
    """AD-09."""
    keys = [a_key(number) for number in range(5)]

    answers = await asyncio.gather(*(on_sqlite.bring(*keys) for _ in range(10)))

    outcomes = [item["outcome"] for answer in answers for item in answer.json()["items"]]
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(outcomes) == ["created"] * 5 + ["present"] * 45


async def test_a_full_request_holds_up_nobody_for_long(on_sqlite: Place) -> None:
    """AD-15: others are served between its steps; what is more than it takes is refused before any work."""
    longest, running = 0.0, True

    async def watch() -> None:
        nonlocal longest
        while running:
            # Of this thread alone: how long the machine had something else to do is not the question.
            begun = time.thread_time()
            # A loop that spins would keep the interpreter from the database's thread.
            await asyncio.sleep(0.001)
            longest = max(longest, time.thread_time() - begun)

    watcher = asyncio.create_task(watch())
    answer = await on_sqlite.bring(*(a_key(number) for number in range(500)))
    running = False
    await watcher
    huge = await on_sqlite.bring(*(a_key(number, comment="x" * 2_000) for number in range(5_000)))

    assert answer.status_code == 200, answer.text
    assert [item["outcome"] for item in answer.json()["items"]] == ["created"] * 500
    # There are 25 steps. Of how many milliseconds each is, is a question for the machine.
    assert longest < 1
    assert huge.status_code == 413
