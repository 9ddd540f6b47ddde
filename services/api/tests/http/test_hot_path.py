"""The route in front of the framework: it answers as the framework would, and lets nobody in whom that would refuse."""

from __future__ import annotations

from typing import Any

import pytest
from answers import assert_401n, assert_401t, assert_503d
from api_world import ALICE, ApiWorld
from paseport.authenticate_bearer import AuthenticateBearer
from paseport.revocation import RevocationKind
from paseport_shared.domain.errors import Unavailable

PATH = "/api/principal"
OTHER_ORIGIN = {"Origin": "https://elsewhere.example.com"}
"""A request with an origin is left to the framework: an easy way to compare both."""


async def test_a_caller_is_told_who_services_take_it_for(world: ApiWorld) -> None:
    await world.user("User", "Auditor")

    answer = await world.get(PATH, await world.token(scope=("openid", "roles")))

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == {
        "subject": str(ALICE),
        "client_id": "bff",
        "scope": ["openid", "roles"],
        "roles": ["Auditor", "User"],
        "session_id": "session-of-alice",
        "expires_at": "2026-01-01T00:05:00Z",
    }


async def test_a_machine_is_told_too_and_holds_no_roles(world: ApiWorld) -> None:
    token = await world.token(
        subject="reporting-job", session_id=None, family_id=None, user_version=None, auth_time=None, amr=()
    )

    answer = await world.get(PATH, token)

    assert (answer.json()["subject"], answer.json()["roles"]) == ("reporting-job", [])


async def test_the_framework_gives_the_same_answer(world: ApiWorld) -> None:
    await world.user("User")
    token = await world.token()

    hot, framed = await world.get(PATH, token), await world.get(PATH, token, **OTHER_ORIGIN)

    assert hot.json() == framed.json()
    for name in ("Content-Type", "Cache-Control", "X-Content-Type-Options"):
        assert hot.headers[name] == framed.headers[name]
    assert hot.headers["X-Request-Id"] != framed.headers["X-Request-Id"]


@pytest.mark.parametrize("first", [True, False], ids=["new", "seen before"])
async def test_whom_the_framework_refuses_is_refused_in_the_same_words(world: ApiWorld, first: bool) -> None:
    """TK-26, FA-07: at the first request and once the token was verified before."""
    await world.user("User")
    token = await world.token()
    if not first:
        assert (await world.get(PATH, token)).status_code == 200
    await world.revoke(RevocationKind.FAMILY, "family-of-alice")

    assert_401t(await world.get(PATH, token))
    assert_401t(await world.get(PATH, token[:-1]))
    assert_401n(await world.get(PATH))
    assert (await world.http.head(PATH)).status_code == 405


async def test_a_disabled_user_and_one_who_moved_on_are_refused_with_the_next_request(world: ApiWorld) -> None:
    """TK-22."""
    await world.user("User")
    token = await world.token()
    assert (await world.get(PATH, token)).status_code == 200

    await world.user("User", enabled=False)
    assert_401t(await world.get(PATH, token))
    await world.user("User", version=2)
    assert_401t(await world.get(PATH, token))


async def test_two_credentials_or_another_host_are_left_to_the_framework(world: ApiWorld) -> None:
    """FA-14: two parsers must not read one request differently."""
    await world.user("User")
    token = await world.token()
    twice = [("Authorization", f"Bearer {token}"), ("Authorization", f"Bearer {token}")]

    assert_401t(await world.http.get(PATH, headers=twice))
    assert (await world.get(PATH, token, Host="evil.example.com")).json()["code"] == "unlisted_host"
    assert_401n(await world.http.get(PATH, headers={"Authorization": "Basic YTpi"}))


async def test_a_stale_feed_refuses_whoever_was_let_in_before(world: ApiWorld) -> None:
    await world.user("User")
    token = await world.token()
    assert (await world.get(PATH, token)).status_code == 200
    with world.outages.feed:
        world.clock.advance(5.1)

        assert_503d(await world.get(PATH, token))


@pytest.mark.parametrize(
    "fault",
    [Unavailable("rehearsed"), TimeoutError(), KeyError("rehearsed"), RuntimeError("rehearsed"), RecursionError()],
    ids=lambda fault: type(fault).__name__,
)
@pytest.mark.parametrize("point", ["verdict", "__call__"])
async def test_a_fault_in_the_decision_lets_nobody_in_and_is_judged_once(
    world: ApiWorld, monkeypatch: pytest.MonkeyPatch, point: str, fault: Exception
) -> None:
    """FA-07."""
    await world.user("User")
    token = await world.token()
    asked = []

    def fail(*_: object) -> Any:
        asked.append(1)
        raise fault

    monkeypatch.setattr(AuthenticateBearer, point, fail)
    answer = await world.get(PATH, token)

    assert answer.status_code == (503 if isinstance(fault, Unavailable) else 500)
    assert "subject" not in answer.json()
    assert "rehearsed" not in answer.text
    assert len(asked) == 1


async def test_answers_are_counted_here_and_there(world: ApiWorld) -> None:
    await world.user("User")
    token = await world.token()

    await world.get(PATH, token)
    await world.get(PATH, token, **OTHER_ORIGIN)
    await world.get(PATH, "junk")

    metrics = (await world.internal.get("/metrics")).text
    assert 'paseport_http_requests_total{method="GET",route="/api/principal",status="2xx"} 2.0' in metrics
    assert 'paseport_http_requests_total{method="GET",route="/api/principal",status="4xx"} 1.0' in metrics
    assert 'paseport_verification_total{outcome="accepted"} 2.0' in metrics
    assert 'paseport_verification_total{outcome="refused"} 1.0' in metrics
