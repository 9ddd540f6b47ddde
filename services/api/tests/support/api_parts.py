"""A scripted service, a caller and sessions for the api's use cases."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

from paseport.claims import Claims
from paseport.principal import Principal
from paseport.revocation import Revocation, RevocationKind
from paseport_shared.adapters.memory.clock import START
from paseport_shared.domain.models.service_reading import Counters, Part, Pool, ServiceReading
from paseport_shared.domain.models.session import Session

ALICE = UUID("01900000-0000-7000-8000-00000000a11c")
BOB = UUID("01900000-0000-7000-8000-000000000b0b")


def reading(
    *, requests: int = 0, errors: int = 0, started_at: datetime = START, parts: tuple[Part, ...] = ()
) -> ServiceReading:
    """What a service with one pool says of itself."""
    pool = Pool("password_hashing", in_use=1, capacity=2, waiting=0)
    return ServiceReading(parts, Counters("1.2.3", started_at, requests, errors, (pool,)))


class ScriptedMonitor:
    """``ServiceMonitor`` that answers what the test says, and counts how often it was asked."""

    def __init__(self) -> None:
        self.looks = 0
        self.says: ServiceReading | Exception = reading()
        self.hold: asyncio.Event | None = None

    async def read(self) -> ServiceReading:
        self.looks += 1
        if self.hold is not None:
            await self.hold.wait()
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


def caller(*roles: str, subject: UUID | str = ALICE, session_id: str | None = "session-1") -> Principal:
    """A principal as ``AuthenticateBearer`` returns it."""
    claims = Claims(
        issuer="https://auth.example.com",
        subject=str(subject),
        audience="https://auth.example.com/api",
        expires_at=START + timedelta(minutes=5),
        not_before=START,
        issued_at=START,
        token_id="jti-1",
        client_id="app",
        scope=("openid", "roles"),
        session_id=session_id,
        family_id="family-1",
        user_version=1,
        auth_time=START,
        amr=("pwd",),
        key_id="k4.pid.x",
    )
    return Principal(claims, "alice", frozenset(roles))


def session(session_id: str, user_id: UUID, *, last_seen_at: datetime = START) -> Session:
    return Session(
        id=session_id,
        secret_hash=b"",
        user_id=user_id,
        created_at=START,
        auth_time=START,
        last_seen_at=last_seen_at,
        expires_at=START + timedelta(days=30),
        amr=("pwd",),
        user_agent="Firefox",
        address="192.0.2.1",
    )


def session_revoked(session_id: str) -> Revocation:
    return Revocation(RevocationKind.SESSION, session_id, None, START, START + timedelta(minutes=6))
