"""What a user and an admin get from their dashboard."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from api_parts import reading, session
from api_world import ALICE, ApiWorld
from paseport.revocation import RevocationKind
from paseport_shared.adapters.memory.clock import START
from paseport_shared.domain.models.client import FIRST_PARTY_SCOPE
from paseport_shared.domain.models.service_reading import Part


async def dashboard(world: ApiWorld, *roles: str, **claims: Any) -> Any:
    await world.user(*roles)
    response = await world.get("/api/dashboard", await world.token(**claims))
    assert response.status_code == 200, response.text
    return response.json()


async def test_a_user_learns_who_they_are(world: ApiWorld) -> None:
    me = (await dashboard(world, "User", "Auditor"))["me"]

    assert me == {
        "subject": str(ALICE),
        "username": "alice",
        "roles": ["Auditor", "User"],
        "client_id": "bff",
        "scope": list(FIRST_PARTY_SCOPE),
        "session_id": "session-of-alice",
        "auth_time": "2026-01-01T00:00:00Z",
        "amr": ["pwd"],
        "expires_at": "2026-01-01T00:05:00Z",
    }


async def test_a_token_that_does_not_say_when_its_user_signed_in_shows_when_it_was_issued(world: ApiWorld) -> None:
    """The claim is optional; the field is not."""
    me = (await dashboard(world, "User", auth_time=None, session_id=None))["me"]

    assert (me["auth_time"], me["session_id"]) == ("2026-01-01T00:00:00Z", None)


async def test_a_user_sees_where_they_are_signed_in(world: ApiWorld) -> None:
    await world.sessions.create(session("session-of-alice", ALICE, last_seen_at=START + timedelta(seconds=5)))
    await world.sessions.create(session("another", ALICE))

    sessions = (await dashboard(world, "User"))["sessions"]

    this = {
        "started_at": "2026-01-01T00:00:00Z",
        "last_seen_at": "2026-01-01T00:00:05Z",
        "user_agent": "Firefox",
        "address": "192.0.2.1",
        "current": True,
    }
    assert sessions == {
        "count": 2,
        "items": [this, this | {"last_seen_at": "2026-01-01T00:00:00Z", "current": False}],
    }


async def test_no_session_id_of_another_session_is_shown(world: ApiWorld) -> None:
    await world.sessions.create(session("another", ALICE))

    assert "another" not in str(await dashboard(world, "User"))


async def test_a_user_sees_which_service_is_up_and_nothing_that_helps_an_attacker(world: ApiWorld) -> None:
    world.issuer_monitor.says = reading(requests=10, parts=(Part("record", is_up=False, detail="It does not answer."),))

    system = (await dashboard(world, "User"))["system"]

    hidden = {
        "version": None,
        "uptime_seconds": None,
        "requests_total": None,
        "requests_per_minute": None,
        "error_rate": None,
        "parts": [],
        "pools": [],
        "feed": None,
    }
    assert system == {
        "status": "degraded",
        "services": [
            {"name": "issuer", "status": "degraded", **hidden},
            {"name": "api", "status": "up", **hidden},
        ],
    }


async def test_an_admin_sees_the_figures_of_the_issuer(world: ApiWorld) -> None:
    world.issuer_monitor.says = reading(
        requests=90,
        errors=9,
        started_at=START - timedelta(seconds=90),
        parts=(Part("record", is_up=False, detail="It does not answer."), Part("keys", is_up=True)),
    )

    issuer, _ = (await dashboard(world, "Admin"))["system"]["services"]

    assert issuer == {
        "name": "issuer",
        "status": "degraded",
        "version": "1.2.3",
        "uptime_seconds": 90,
        "requests_total": 90,
        "requests_per_minute": 60,
        "error_rate": 0.1,
        "parts": [
            {"name": "record", "status": "down", "detail": "It does not answer."},
            {"name": "keys", "status": "up", "detail": None},
        ],
        "pools": [{"name": "password_hashing", "in_use": 1, "capacity": 2, "waiting": 0}],
        "feed": None,
    }


async def test_an_admin_sees_the_figures_of_the_api_itself(world: ApiWorld) -> None:
    await world.user("Admin")
    for _ in range(3):
        await world.get("/api/health/live")

    _, api = (await dashboard(world, "Admin"))["system"]["services"]

    assert api["status"] == "up"
    assert api["version"]
    assert api["requests_total"] == 3
    assert api["parts"] == [
        {"name": "revocation_feed", "status": "up", "detail": None},
        {"name": "role_directory", "status": "up", "detail": None},
    ]
    assert api["feed"] == {"state": "fresh", "epoch": 7, "seq": 2, "age_seconds": 0.0}


async def test_the_system_is_operational_when_nothing_is_lacking(world: ApiWorld) -> None:
    assert (await dashboard(world, "User"))["system"]["status"] == "operational"


async def test_an_admin_sees_how_many_revocations_are_in_force(world: ApiWorld) -> None:
    await world.user("Admin")
    await world.revoke(RevocationKind.SESSION, "one")
    await world.revoke(RevocationKind.SESSION, "two")
    await world.revoke(RevocationKind.USER, "01900000-0000-7000-8000-000000000b0b", 4)
    world.clock.advance(2)

    response = await world.get("/api/admin/revocations", await world.token())

    assert response.json() == {
        "epoch": 7,
        "seq": 4,
        "state": "stale",
        "age_seconds": 2.0,
        "in_force": {"session": 2, "family": 0, "user": 1, "jti": 0, "key": 0, "api_key": 0},
    }


@pytest.mark.parametrize("count", [0, 25])
async def test_the_list_of_sessions_is_bounded_and_their_number_true(world: ApiWorld, count: int) -> None:
    for number in range(count):
        await world.sessions.create(session(f"session-{number}", ALICE))

    sessions = (await dashboard(world, "User"))["sessions"]

    assert (sessions["count"], len(sessions["items"])) == (count, min(count, 20))
