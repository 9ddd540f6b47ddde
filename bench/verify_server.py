"""An api to measure: the real app on adapters in memory, for tokens that were minted before (``bench.minting``).

``python -m bench.verify_server FOLDER`` serves an api that accepts them; it prints its port.
"""

from __future__ import annotations

if __name__ == "__main__":
    # As in the service's own entry point.
    import paseport_shared.lean  # noqa: F401

import argparse
import asyncio
import hashlib
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx
import paseport_api.production  # noqa: F401 - what an installation loads takes its place in memory
import uvloop
from litestar.types import ASGIApp
from paseport.clock import SystemClock
from paseport.feed import FeedGap
from paseport.http_key_document import HttpKeyDocument
from paseport.key_set import RemoteKeySet
from paseport.revocation import FeedChange, FeedPosition, FeedSnapshot, Revocation, RevocationKind
from paseport.secret import Secret
from paseport.subject import SubjectState
from paseport.token_cache import TOKENS_KEPT, TokenCache
from paseport.token_verifier import TokenVerifier
from paseport_api.app import Api
from paseport_api.settings import Settings
from paseport_api.wiring import ApiAdapters, EdgeAdapters
from paseport_shared.adapters.memory.api_key_directory import MemoryApiKeyDirectory
from paseport_shared.adapters.memory.api_key_usage import MemoryApiKeyUsage
from paseport_shared.adapters.memory.decision_log import MemoryDecisionLog
from paseport_shared.adapters.memory.role_directory import MemoryRoleDirectory
from paseport_shared.adapters.memory.session_store import MemorySessionStore
from paseport_shared.adapters.memory.shared_rates import MemorySharedRates
from paseport_shared.adapters.policy_file.policy_file import PolicyFile
from paseport_shared.adapters.re2.pattern_matcher import Re2PatternMatcher
from paseport_shared.adapters.system.randomness import SystemRandomness
from paseport_shared.domain.models.client import api_audience
from paseport_shared.domain.models.identifiers import new_id128, uuid7
from paseport_shared.domain.models.service_reading import Counters, ServiceReading
from paseport_shared.domain.models.session import Session, SessionPolicy
from paseport_shared.domain.ports.handovers import HandedOver
from paseport_shared.http.logging import configure_logging

from bench.http import request
from bench.workers import serve_on

ISSUER: Final = "https://auth.example.com"
HOST: Final = "auth.example.com"
USERS: Final = 50
LIFETIME: Final = timedelta(hours=1)

_POLICY: Final = SessionPolicy(idle=timedelta(hours=12), max_lifetime=timedelta(days=30))
_SESSIONS_EACH: Final = 2
_REVOKED_WITHIN_SECONDS: Final = 300
_PAGE: Final = 1000
_KINDS: Final = (RevocationKind.SESSION, RevocationKind.FAMILY, RevocationKind.TOKEN, RevocationKind.USER)


def asks(path: str, token: str) -> bytes:
    """Return a request of a service that got ``token``."""
    return request("GET", path, {"Host": HOST, "Authorization": f"Bearer {token}"})


def tokens_of(folder: Path) -> list[str]:
    """Return what was minted there."""
    return tokens_file(folder).read_text().split()


def tokens_file(folder: Path) -> Path:
    """Return where they are."""
    return folder / "tokens"


def key_document_file(folder: Path) -> Path:
    """Return where the issuer's key document is."""
    return folder / "paserk.json"


def user_id(number: int) -> UUID:
    """Return the id of one of ``USERS``."""
    return UUID(f"01900000-0000-7000-8000-{number:012x}")


class GeneratedFeed:
    """``RevocationFeed`` with ``count`` revocations in force, made up page by page: the feed itself holds none.

    They name nobody who asks. After the snapshot nothing happens.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._position = FeedPosition(1, count)

    async def snapshot(self, now: datetime, page: str | None = None) -> FeedSnapshot:
        """Return one page."""
        first = int(page or 0)
        end = min(first + _PAGE, self._count)
        revocations = tuple(_revocation(number, now) for number in range(first, end))
        return FeedSnapshot(self._position, revocations, str(end) if end < self._count else None)

    async def changes_since(self, position: FeedPosition, wait_seconds: float) -> tuple[FeedChange, ...]:
        """Wait for the heartbeat."""
        if position != self._position:
            raise FeedGap
        await asyncio.sleep(wait_seconds)
        return ()


def _revocation(number: int, now: datetime) -> Revocation:
    kind = _KINDS[number % len(_KINDS)]
    randomness = hashlib.blake2b(b"%d" % number, digest_size=16).digest()
    recorded_at = now - timedelta(seconds=number % _REVOKED_WITHIN_SECONDS)
    if kind in (RevocationKind.SESSION, RevocationKind.FAMILY):
        subject = new_id128(randomness)
    else:
        subject = str(uuid7(recorded_at, randomness[:10]))
    min_version = 2 if kind.is_of_versions else None
    return Revocation(kind, subject, min_version, recorded_at, recorded_at + LIFETIME)


class _NoSubjects:
    """``SubjectSource``: the directory knows everybody."""

    async def resolve(self, user_id: UUID) -> SubjectState | None:
        return None


class _NoHandovers:
    """``Handovers``: nobody comes with a browser."""

    async def redeem(self, ticket: str, host: str, binding: str) -> HandedOver | None:
        return None

    async def note_use(self, session_id: str) -> None:
        return None


class _NoUsernames:
    """``Usernames``: nobody has a name."""

    async def find(self, username: str) -> SubjectState | None:
        return None


class _IdleIssuer:
    """``ServiceMonitor`` of an issuer that has nothing to tell."""

    async def read(self) -> ServiceReading:
        return ServiceReading((), Counters("0", SystemClock().now(), 0, 0, ()))


class _KeyDocumentApp:
    """The issuer's key document, fetched without a network."""

    def __init__(self, document: bytes) -> None:
        self._document = document

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"cache-control", b"max-age=60")]})
        await send({"type": "http.response.body", "body": self._document})


def api_settings(**more: Any) -> Settings:
    """Return the settings of an api to measure; ``more`` are some that count."""
    needed = {name: Secret(SystemRandomness().token_bytes(32).hex()) for name in ("service_secret", "api_key_pepper")}
    address = {"access_token_issuer": ISSUER, "issuer_internal_url": "http://issuer.internal:3010"}
    return Settings(**{**needed, **address, **more})


@asynccontextmanager
async def opened_api(folder: Path, *, cached: int = TOKENS_KEPT, revocations: int = 0) -> AsyncIterator[Api]:
    """Open an api that accepts the tokens that were minted in ``folder``; its app's lifespan is the caller's."""
    document = key_document_file(folder).read_bytes()
    async with opened_adapters(document, cached=cached, revocations=revocations) as adapters:
        yield Api(api_settings(), adapters)


@asynccontextmanager
async def opened_adapters(
    key_document: bytes, *, cached: int = TOKENS_KEPT, revocations: int = 0
) -> AsyncIterator[ApiAdapters]:
    """Open what such an api needs of the world, in memory: ``USERS`` and their sessions, no API key and no rule."""
    clock = SystemClock()
    roles, sessions = MemoryRoleDirectory(), MemorySessionStore(_POLICY)
    for user in range(USERS):
        name = f"user{user:02}"
        state = SubjectState(user_id(user), name, frozenset({"User"}), True, 1, 1)
        await roles.put(replace(state, email=f"{name}@example.com", name=f"User {user}"))
        for number in range(_SESSIONS_EACH):
            await sessions.create(_session(user_id(user), number, clock.now()))
    await roles.mark_complete()
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(
            httpx.AsyncClient(transport=httpx.ASGITransport(_KeyDocumentApp(key_document)))
        )
        key_set = RemoteKeySet(HttpKeyDocument(f"{ISSUER}/.well-known/paserk.json", http))
        await stack.enter_async_context(aclosing(key_set))
        yield ApiAdapters(
            token_verifier=TokenVerifier(
                key_set,
                issuer=ISSUER,
                audience=api_audience(ISSUER),
                max_lifetime=LIFETIME,
                clock=clock,
                cache=TokenCache(cached),
            ),
            role_directory=roles,
            subject_source=_NoSubjects(),
            revocation_feed=GeneratedFeed(revocations),
            fallback_feed=GeneratedFeed(0),
            session_store=sessions,
            issuer_monitor=_IdleIssuer(),
            edge=EdgeAdapters(
                any_token_verifier=TokenVerifier(
                    key_set, issuer=ISSUER, audience=None, max_lifetime=LIFETIME, clock=clock
                ),
                api_keys=MemoryApiKeyDirectory(),
                api_key_source=MemoryApiKeyDirectory(),
                api_key_usage=MemoryApiKeyUsage(),
                shared_rates=MemorySharedRates(),
                decision_log=MemoryDecisionLog(),
                handovers=_NoHandovers(),
                usernames=_NoUsernames(),
                policies=PolicyFile(None, Re2PatternMatcher()),
                randomness=SystemRandomness(),
            ),
            clock=clock,
        )


@asynccontextmanager
async def _opened_app(folder: Path, cached: int, revocations: int) -> AsyncIterator[ASGIApp]:
    async with opened_api(folder, cached=cached, revocations=revocations) as api:
        app = api.public_app()
        async with app.lifespan():
            yield app


def _session(user_id: UUID, number: int, now: datetime) -> Session:
    return Session(
        id=new_id128(bytes([number + 1]) + user_id.bytes[1:]),
        secret_hash=bytes(32),
        user_id=user_id,
        created_at=now,
        auth_time=now,
        last_seen_at=now,
        expires_at=now + _POLICY.max_lifetime,
        amr=("pwd",),
        user_agent="bench",
        address="192.0.2.7",
    )


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(prog="python -m bench.verify_server")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cached", type=int, default=TOKENS_KEPT, help="how many verified tokens it remembers")
    parser.add_argument("--revocations", type=int, default=0, help="how many are in force")
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    configure_logging("INFO", sys.stderr.buffer)
    uvloop.run(
        serve_on(arguments.port, partial(_opened_app, arguments.folder, arguments.cached, arguments.revocations))
    )


if __name__ == "__main__":
    main()
