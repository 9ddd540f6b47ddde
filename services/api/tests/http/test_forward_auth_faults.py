"""Whatever goes wrong while a request is decided about, it does not pass (FA-07)."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from api_world import ApiWorld
from edge_world import FAMILIES, SETTINGS, SIGNED_IN, ask, bearer, edge_cookie, signed_in, status_of, stored_key
from paseport.authenticate_bearer import AuthenticateBearer
from paseport.revocation_list import RevocationList
from paseport.subject_copies import SubjectCopies
from paseport_api.handlers import forward_auth, proxy_requests
from paseport_api.use_cases.api_key_copies import ApiKeyCopies
from paseport_api.use_cases.authenticate_api_key import AuthenticateApiKey
from paseport_api.use_cases.authenticate_edge_session import AuthenticateEdgeSession
from paseport_api.use_cases.decide_request import DecideRequest
from paseport_api.use_cases.find_api_key import FindApiKey
from paseport_api.use_cases.log_denials import LogDenials
from paseport_api.use_cases.record_key_uses import RecordKeyUses
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.api_key import ApiKey, ApiKeyPeppers
from paseport_shared.domain.models.edge_session import EdgeCookieKey
from paseport_shared.domain.models.policy import Policy, Rule
from paseport_shared.domain.models.rate_limit import LocalRates, RateLimit
from paseport_shared.http.client_address import TrustedProxies

FAULTS = [
    Unavailable("rehearsed"),
    TimeoutError("rehearsed"),
    ConnectionResetError("rehearsed"),
    KeyError("rehearsed"),
    ValueError("rehearsed"),
    RuntimeError("rehearsed"),
    RecursionError("rehearsed"),
    MemoryError("rehearsed"),
]


@dataclass(frozen=True)
class Point:
    """One step of a decision, by what is presented: ``find`` returns where it is, ``name`` which method."""

    credential: str
    find: Callable[[ApiWorld], object]
    name: str
    goes_on_without: bool = False
    """Where it is merely unavailable, somebody else is asked."""

    def __str__(self) -> str:
        return f"{self.credential}-{self.name}"


POINTS = [
    # Whoever asks.
    Point("key", lambda _: proxy_requests.Family, "_collect"),
    Point("key", lambda _: proxy_requests, "asked"),
    Point("key", lambda _: proxy_requests, "request_of"),
    Point("key", lambda _: proxy_requests.ReadsCredentials, "find"),
    Point("key", lambda _: TrustedProxies, "trusts"),
    Point("key", lambda _: TrustedProxies, "client_of"),
    Point("key", lambda _: DecideRequest, "recall"),
    Point("key", lambda _: DecideRequest, "__call__"),
    Point("key", lambda _: Policy, "rule_for"),
    Point("key", lambda _: Rule, "judge"),
    Point("key", lambda _: LocalRates, "take"),
    Point("key", lambda _: forward_auth, "identity_headers"),
    # A key.
    Point("key", lambda world: world.api_keys, "find", goes_on_without=True),
    Point("unknown", lambda world: world.api_keys, "is_complete", goes_on_without=True),
    Point("unknown", lambda world: world.api_key_source, "find"),
    Point("key", lambda _: AuthenticateApiKey, "__call__"),
    Point("key", lambda _: ApiKeyCopies, "__call__"),
    Point("key", lambda _: FindApiKey, "look_up"),
    Point("key", lambda _: RevocationList, "is_current"),
    Point("key", lambda _: ApiKeyPeppers, "fits"),
    Point("key", lambda _: ApiKey, "refusal"),
    Point("key", lambda _: SubjectCopies, "__call__"),
    Point("key", lambda world: world.roles, "find", goes_on_without=True),
    Point("key", lambda _: RecordKeyUses, "note"),
    Point("strict", lambda world: world.shared_rates, "take", goes_on_without=True),
    # A token.
    Point("token", lambda _: AuthenticateBearer, "verdict"),
    Point("token", lambda _: AuthenticateBearer, "__call__"),
    Point("token", lambda world: world.adapters.edge.any_token_verifier, "verify"),
    Point("token", lambda world: world.key_set, "get"),
    Point("token", lambda _: RevocationList, "check"),
    # A browser.
    Point("cookie", lambda _: AuthenticateEdgeSession, "__call__"),
    Point("cookie", lambda _: EdgeCookieKey, "open"),
    Point("cookie", lambda _: RevocationList, "check_session"),
    Point("cookie", lambda world: world.sessions, "find"),
]


@pytest.fixture
async def edge(tmp_path: Path) -> AsyncIterator[ApiWorld]:
    async with ApiWorld(tmp_path, directory_is_complete=False, **SETTINGS) as world:
        world.policies.policy = SIGNED_IN
        yield world


async def credential(world: ApiWorld, name: str) -> dict[str, str]:
    """Headers with which a request would pass, but for an unknown key."""
    state = await world.user("User")
    world.subjects.states[state.user_id] = state
    if name == "cookie":
        return edge_cookie(await signed_in(world))
    if name == "token":
        return bearer(await world.token())
    limit = RateLimit(100, timedelta(minutes=1), strict=name == "strict")
    key, text = await stored_key(world, rate_limit=limit)
    await world.api_key_source.put([key])
    return bearer(text)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
@pytest.mark.parametrize("point", POINTS, ids=str)
async def test_a_fault_at_any_point_of_the_decision_denies(
    edge: ApiWorld, monkeypatch: pytest.MonkeyPatch, point: Point, fault: Exception
) -> None:
    """FA-07: synchronous steps and awaits alike, for every family."""
    headers = await credential(edge, point.credential)
    if point.credential == "unknown":
        edge.api_keys._entries.clear()

    async def fail_later(*_: object, **__: object) -> Any:
        raise fault

    def fail(*_: object, **__: object) -> Any:
        raise fault

    place = point.find(edge)
    is_async = inspect.iscoroutinefunction(getattr(place, point.name))
    with monkeypatch.context() as patch:
        patch.setattr(place, point.name, fail_later if is_async else fail)
        answers = {family: await ask(edge, "/", headers, family=family) for family in FAMILIES}

    if point.goes_on_without and isinstance(fault, Unavailable):
        assert {answer.status_code for answer in answers.values()} <= {200, 204}
    else:
        assert {status_of(answer, family) for family, answer in answers.items()} == {503}
    for answer in answers.values():
        assert "rehearsed" not in answer.text
        assert not answer.headers.get("X-User") or answer.is_success
    # It was that step which was in the way.
    edge.clock.advance(1)
    await edge.heartbeat()
    assert (await ask(edge, "/", headers)).status_code == 204


@pytest.mark.parametrize("fault", FAULTS[1:], ids=lambda fault: type(fault).__name__)
async def test_a_fault_while_a_denial_is_written_down_lets_nobody_in(
    edge: ApiWorld, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    """FA-07."""

    def fail(*_: object) -> None:
        raise fault

    monkeypatch.setattr(LogDenials, "note", fail)

    assert (await ask(edge, "/secret")).status_code == 503


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
async def test_on_a_public_path_an_outage_is_nobody_and_a_fault_denies(
    edge: ApiWorld, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    """A page that anybody may see does not depend on who asks; what is broken is not trusted there either."""
    headers = await credential(edge, "key")

    async def fail(*_: object) -> Any:
        raise fault

    monkeypatch.setattr(AuthenticateApiKey, "__call__", fail)
    answer = await ask(edge, "/health", headers)

    if isinstance(fault, Unavailable):
        assert (answer.status_code, answer.headers["X-Auth-Method"]) == (204, "none")
    else:
        assert answer.status_code == 503


async def test_a_denial_that_nobody_can_write_down_now_is_one_and_is_written_later(edge: ApiWorld) -> None:
    with edge.outages.decision_log:
        answers = [(await ask(edge, "/secret")).status_code for _ in range(3)]
        assert not await edge.api.use.log_denials.step()

    assert answers == [403, 403, 403]
    assert await edge.api.use.log_denials.step()
    denials, _ = await edge.decision_log.latest(10)
    assert len(denials) == 3
