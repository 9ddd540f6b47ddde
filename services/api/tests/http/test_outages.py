"""Parts of the installation fail while users call the api: doubt refuses, whatever the fault (FA-07 for the api)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from answers import assert_401t, assert_503d
from api_parts import BOB
from api_world import ApiWorld
from paseport.revocation import Revocation, RevocationKind, SubjectChange
from paseport.revocation_list import RevocationList
from paseport_shared.domain.errors import Unavailable

DASHBOARD = "/api/dashboard"

FAULTS = [
    Unavailable("rehearsed"),
    TimeoutError("rehearsed"),
    ConnectionResetError("rehearsed"),
    KeyError("rehearsed"),
    RuntimeError("rehearsed"),
    RecursionError("rehearsed"),
]


def point(world: ApiWorld, name: str) -> tuple[object, str]:
    """The object and method behind one await of the decision, in the order in which they are passed."""
    return {
        "key set": (world.key_set, "get"),
        "token verifier": (world.adapters.token_verifier, "verify"),
        "role directory": (world.roles, "find"),
        "completeness": (world.roles, "is_complete"),
        "subject source": (world.subjects, "resolve"),
        "sessions": (world.sessions, "list_for_user"),
    }[name]


POINTS = ["key set", "token verifier", "role directory", "completeness", "subject source", "sessions"]
# A directory that does not answer is no refusal: the issuer is asked instead (below).
ALLOWED = {("role directory", Unavailable), ("completeness", Unavailable)}


@pytest.mark.parametrize(
    ("name", "fault"),
    [(name, fault) for name in POINTS for fault in FAULTS if (name, type(fault)) not in ALLOWED],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
async def test_a_fault_at_any_point_of_the_decision_refuses(
    unfilled: ApiWorld, monkeypatch: pytest.MonkeyPatch, name: str, fault: Exception
) -> None:
    """FA-07. The directory is incomplete and empty, so that a request passes every point."""
    world = unfilled
    state = await world.user("User", "Admin")
    world.subjects.states[state.user_id] = state
    world.roles._states.clear()
    token = await world.token()
    assert (await world.get(DASHBOARD, token)).status_code == 200
    await world.announce(SubjectChange())

    async def fail(*_: object, **__: object) -> Any:
        raise fault

    monkeypatch.setattr(*point(world, name), fail)
    response = await world.get(DASHBOARD, token)

    assert_refused(response, fault)
    monkeypatch.undo()
    # While the directory is left alone after a fault, it is not asked; then it is again.
    world.clock.advance(1)
    assert (await world.get(DASHBOARD, token)).status_code == 200


async def test_without_the_directory_the_issuer_says_who_somebody_is_today(world: ApiWorld) -> None:
    """FT-08: roles stay live while Redis is away."""
    state = await world.user("User")
    world.subjects.states[state.user_id] = replace(state, roles=frozenset({"User", "Admin"}))
    token = await world.token()

    with world.outages.roles:
        response = await world.get("/api/admin/revocations", token)

    assert response.status_code == 200


async def test_without_directory_and_issuer_an_api_goes_on_with_its_own_copy_and_lets_no_stranger_in(
    world: ApiWorld,
) -> None:
    """FT-08: own copies of roles while one of the feeds is fresh."""
    await world.user("User")
    known = await world.token()
    assert (await world.get(DASHBOARD, known)).status_code == 200
    stranger = await world.token(subject=str(BOB))

    with world.outages.roles, world.outages.subjects:
        world.clock.advance(4)

        assert (await world.get(DASHBOARD, known)).status_code == 200
        assert_503d(await world.get(DASHBOARD, stranger))


async def test_an_api_cut_off_from_redis_follows_the_issuers_feed(world: ApiWorld) -> None:
    """FT-08: what was revoked before is still refused, and so is what is revoked meanwhile."""
    await world.user("User")
    before, meanwhile, alive = [await world.token(session_id=f"session-{number}") for number in range(3)]
    await world.revoke(RevocationKind.SESSION, "session-0")
    await world.fallback.mark_complete(await world.fallback.epoch())

    with world.outages.feed:
        await world.fallback_heard()
        now = world.clock.now()
        await world.fallback.publish(
            Revocation(RevocationKind.SESSION, "session-1", None, now, now + timedelta(minutes=6))
        )
        await world.fallback_heard()

        answers = [(await world.get(DASHBOARD, token)).status_code for token in (before, meanwhile, alive)]

    assert answers == [401, 401, 200]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
async def test_a_fault_in_the_copy_of_the_revocations_refuses(
    world: ApiWorld, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    """FA-07."""
    await world.user("User")

    def fail(*_: object) -> None:
        raise fault

    monkeypatch.setattr(RevocationList, "check", fail)

    assert_refused(await world.get(DASHBOARD, await world.token()), fault)


def assert_refused(response: httpx.Response, fault: Exception) -> None:
    """503 for an outage; for a bug an answer that is no permission and says nothing of it."""
    if isinstance(fault, Unavailable):
        assert_503d(response)
    else:
        assert response.status_code in (400, 401, 403, 500, 503)
        assert "rehearsed" not in response.text
    assert "me" not in response.json()


async def test_an_api_that_lost_the_feed_refuses_everybody_after_five_seconds(world: ApiWorld) -> None:
    """P2: both feeds cut. What it has not heard of may be the revocation of this very token."""
    await world.user("User")
    token = await world.token()
    with world.outages.feed:
        world.clock.advance(5)
        assert (await world.get(DASHBOARD, token)).status_code == 200

        world.clock.advance(0.1)
        assert_503d(await world.get(DASHBOARD, token))
        assert_503d(await world.get("/api/admin/revocations", token))


async def test_a_forged_token_is_401_even_while_the_feed_is_lost(world: ApiWorld) -> None:
    """TK-26: an outage does not turn junk into "come back later"."""
    with world.outages.feed:
        world.clock.advance(6)

        assert_401t(await world.get(DASHBOARD, "v4.public.junk"))


async def test_once_the_feed_is_back_users_are_let_in_again(world: ApiWorld) -> None:
    await world.user("User")
    token = await world.token()
    with world.outages.feed:
        world.clock.advance(6)
        assert_503d(await world.get(DASHBOARD, token))

    await world.heartbeat()

    assert (await world.get(DASHBOARD, token)).status_code == 200


async def test_an_api_whose_follower_died_of_a_bug_refuses_everybody(
    world: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FA-07: nobody notices a dead task by itself. The copy that it no longer renews does."""
    await world.user("User")
    token = await world.token()
    (following,) = [task for task in asyncio.all_tasks() if task.get_name() == "follow revocations"]

    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr(RevocationList, "apply", broken)
        await world.publish(RevocationKind.SESSION, "nobody")
        await asyncio.wait({following}, timeout=1)
    assert following.done()
    assert [entry["log_level"] for entry in world.logs if entry.get("job") == "follow revocations"] == ["critical"]
    world.clock.advance(5.1)

    assert_503d(await world.get(DASHBOARD, token))
    assert (await world.get("/api/health/ready")).status_code == 503


async def test_an_issuer_that_is_down_does_not_keep_users_out(world: ApiWorld) -> None:
    await world.user("User")
    world.issuer_monitor.says = Unavailable("refused")

    response = await world.get(DASHBOARD, await world.token())

    assert response.status_code == 200
    assert response.json()["system"]["status"] == "degraded"
    assert [(service["name"], service["status"]) for service in response.json()["system"]["services"]] == [
        ("issuer", "down"),
        ("api", "up"),
    ]
