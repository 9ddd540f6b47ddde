"""Tiny services in the frame that the real ones have, and clients that speak to them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
from litestar.types import ControllerRouterHandler
from paseport.authenticate_bearer import AuthenticateBearer
from paseport.claims import Claims
from paseport.find_subject import FindSubject
from paseport.revocation import FeedPosition, FeedSnapshot
from paseport.revocation_list import RevocationList
from paseport.subject import SubjectState
from paseport.token_cache import Kept
from paseport_shared.adapters.memory.clock import START, ManualClock
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.role_directory import MemoryRoleDirectory
from paseport_shared.domain.errors import InvalidToken
from paseport_shared.http.app import ServiceApp
from paseport_shared.http.metrics import ServiceMetrics

ORIGIN = "https://auth.example.com"
BROWSER = {"X-CSRF": "1", "Origin": ORIGIN}
ALICE = UUID("01890000-0000-7000-8000-000000000001")


def service(*route_handlers: ControllerRouterHandler, **options: Any) -> ServiceApp:
    """Build a service whose own origin is ``ORIGIN``."""
    settings: dict[str, Any] = {
        "metrics": ServiceMetrics("test", "1.2.3"),
        "state": {},
        "allowed_hosts": ("auth.example.com",),
        "allowed_origins": (ORIGIN,),
    }
    return ServiceApp(route_handlers=route_handlers, **{**settings, **options})


def client(app: Any, peer: tuple[str, int] | None = ("192.0.2.7", 50000), **headers: str) -> httpx.AsyncClient:
    """Return a client that connects from ``peer`` and sees the answer even where the server logs an error."""
    transport = httpx.ASGITransport(app, client=peer or ("192.0.2.7", 1), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers)


def problem(answer: httpx.Response) -> dict[str, Any]:
    """Return the problem without its request id, which is checked against the header."""
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    body: dict[str, Any] = answer.json()
    assert body.pop("request_id") == answer.headers["x-request-id"]
    assert body["status"] == answer.status_code
    return body


class KnownTokens:
    """A ``TokenVerifier`` that knows a few tokens by heart and counts how often it is asked."""

    def __init__(self, tokens: Mapping[str, Claims], outage: MemoryOutage) -> None:
        self._tokens = tokens
        self._outage = outage
        self.asked = 0

    def find(self, token: str) -> Kept | None:
        return None

    def is_good(self, kept: Kept) -> bool:
        return False

    async def verify(self, token: str) -> Claims:
        self.asked += 1
        self._outage.check()
        if token not in self._tokens:
            raise InvalidToken("unknown token")
        return self._tokens[token]


class NobodyElse:
    """A ``SubjectSource`` that knows nobody."""

    async def resolve(self, user_id: UUID) -> SubjectState | None:
        return None


def claims(*scope: str) -> Claims:
    """Return the claims of Alice's token with these scopes."""
    return Claims(
        issuer=ORIGIN,
        subject=str(ALICE),
        audience=f"{ORIGIN}/api",
        expires_at=START + timedelta(minutes=5),
        not_before=START,
        issued_at=START,
        token_id="jti-1",
        client_id="bff",
        scope=scope,
        session_id="sid-1",
        family_id="fid-1",
        user_version=1,
        key_id="k4.pid.one",
    )


class Callers:
    """Bearer authentication for Alice, whose tokens differ in scope: ``full``, ``no-admin`` and ``no-roles``."""

    def __init__(self) -> None:
        self.outage = MemoryOutage()
        self.tokens = KnownTokens(
            {
                "full": claims("roles", "admin"),
                "no-admin": claims("roles"),
                "no-roles": claims("admin"),
            },
            self.outage,
        )
        revocations = RevocationList(ManualClock())
        revocations.merge(FeedSnapshot(FeedPosition(1, 0), ()))
        self.directory = MemoryRoleDirectory(MemoryOutage())
        self.authenticate = AuthenticateBearer(
            self.tokens, revocations, FindSubject(self.directory, NobodyElse(), ManualClock()), ManualClock()
        )

    async def alice_holds(self, *roles: str) -> None:
        """Put Alice's roles of today into the directory."""
        await self.directory.put(SubjectState(ALICE, "alice", frozenset(roles), enabled=True, version=1, revision=1))
