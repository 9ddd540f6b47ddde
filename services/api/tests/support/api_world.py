"""The real api on memory adapters, beside an issuer that is a key, a key document and a record of subjects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Self
from uuid import UUID

import httpx
from api_parts import ScriptedMonitor
from litestar import Litestar
from paseport.claims import Claims
from paseport.errors import Unavailable
from paseport.http_key_document import HttpKeyDocument
from paseport.key_set import RemoteKeySet
from paseport.revocation import FeedChange, FeedPosition, Revocation, RevocationKind, SubjectChange
from paseport.secret import Secret
from paseport.subject import SubjectState
from paseport.token_verifier import TokenVerifier
from paseport_api.app import Api
from paseport_api.settings import Settings
from paseport_api.wiring import ApiAdapters, EdgeAdapters
from paseport_shared.adapters.keyfile.key_file import KeyFile
from paseport_shared.adapters.memory.api_key_directory import MemoryApiKeyDirectory
from paseport_shared.adapters.memory.api_key_usage import MemoryApiKeyUsage
from paseport_shared.adapters.memory.clock import ManualClock
from paseport_shared.adapters.memory.decision_log import MemoryDecisionLog
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.randomness import SeededRandomness
from paseport_shared.adapters.memory.revocation_feed import MemoryRevocationFeed
from paseport_shared.adapters.memory.role_directory import MemoryRoleDirectory
from paseport_shared.adapters.memory.session_store import MemorySessionStore
from paseport_shared.adapters.memory.shared_rates import MemorySharedRates
from paseport_shared.adapters.paseto.key_document import KeyDocument
from paseport_shared.adapters.paseto.token_signer import PasetoTokenSigner
from paseport_shared.domain.models.client import FIRST_PARTY_SCOPE, api_audience
from paseport_shared.domain.models.policy import Policy
from paseport_shared.domain.models.session import SessionPolicy
from paseport_shared.domain.ports.handovers import HandedOver
from paseport_shared.domain.ports.key_document import KeyDocument as KeyDocumentPort
from structlog.testing import capture_logs

ISSUER = "https://auth.example.com"
PEPPER = "pepper-of-all-API-keys-in-these-tests-1"
ALICE = UUID("01900000-0000-7000-8000-00000000a11c")
LIFETIME = timedelta(minutes=5)
POLICY = SessionPolicy(idle=timedelta(hours=12), max_lifetime=timedelta(days=30))


@dataclass
class Outages:
    """One switch per backend of the api."""

    feed: MemoryOutage = field(default_factory=MemoryOutage)
    roles: MemoryOutage = field(default_factory=MemoryOutage)
    subjects: MemoryOutage = field(default_factory=MemoryOutage)
    sessions: MemoryOutage = field(default_factory=MemoryOutage)
    key_document: MemoryOutage = field(default_factory=MemoryOutage)
    api_keys: MemoryOutage = field(default_factory=MemoryOutage)
    api_key_source: MemoryOutage = field(default_factory=MemoryOutage)
    shared_rates: MemoryOutage = field(default_factory=MemoryOutage)
    decision_log: MemoryOutage = field(default_factory=MemoryOutage)
    api_key_usage: MemoryOutage = field(default_factory=MemoryOutage)
    handovers: MemoryOutage = field(default_factory=MemoryOutage)


class RecordedSubjects:
    """``SubjectSource`` and ``Usernames``: what the issuer's record knows, and the role directory may not know yet."""

    def __init__(self, outage: MemoryOutage) -> None:
        self._outage = outage
        self.states: dict[UUID, SubjectState] = {}
        self.asked = 0

    async def resolve(self, user_id: UUID) -> SubjectState | None:
        self.asked += 1
        self._outage.check()
        return self.states.get(user_id)

    async def find(self, username: str) -> SubjectState | None:
        self._outage.check()
        return next((state for state in self.states.values() if state.username == username), None)


def api_settings(**changes: Any) -> Settings:
    """Settings for tests; ``changes`` replace fields."""
    values: dict[str, Any] = {
        "access_token_issuer": ISSUER,
        "issuer_internal_url": "http://issuer.internal:3010",
        "service_secret": Secret("service-secret-of-at-least-32-characters"),
        "api_key_pepper": Secret(PEPPER),
    }
    return Settings(**(values | changes))


class ScriptedHandovers:
    """``Handovers``: tickets that the issuer has made, by ticket, host and binding; and the sessions that were used."""

    def __init__(self, outage: MemoryOutage) -> None:
        self._outage = outage
        self.tickets: dict[tuple[str, str, str], HandedOver] = {}
        self.used: list[str] = []

    async def redeem(self, ticket: str, host: str, binding: str) -> HandedOver | None:
        self._outage.check()
        return self.tickets.pop((ticket, host, binding), None)

    async def note_use(self, session_id: str) -> None:
        self._outage.check()
        self.used.append(session_id)


class SetPolicies:
    """``Policies`` that the test sets."""

    def __init__(self) -> None:
        self.policy = Policy(())


class ApiWorld:
    """The api's apps, and short ways to be somebody and to act as the issuer."""

    def __init__(self, folder: Path, *, directory_is_complete: bool = True, **settings: Any) -> None:
        self._directory_is_complete = directory_is_complete
        self.settings = api_settings(**settings)
        self.clock = ManualClock()
        self.outages = Outages()
        self.randomness = SeededRandomness()
        self.keys = KeyFile(folder / "keys.json", self.clock, self.randomness)
        self.signer = PasetoTokenSigner(self.keys, self.keys)
        self.key_document = PublishedDocument(KeyDocument(self.keys), self.outages.key_document)
        self.key_client = httpx.AsyncClient(transport=httpx.ASGITransport(self.key_document))
        self.key_set = RemoteKeySet(
            HttpKeyDocument(f"{ISSUER}/.well-known/paserk.json", self.key_client), monotonic=self.clock.monotonic
        )
        self.roles = MemoryRoleDirectory(self.outages.roles)
        self.subjects = RecordedSubjects(self.outages.subjects)
        self.feed = WatchedFeed(7, self.outages.feed)
        # The issuer's feed over HTTP: silent, unless a test fills it.
        self.fallback = WatchedFeed(8, MemoryOutage())
        self.sessions = MemorySessionStore(POLICY, self.outages.sessions)
        self.issuer_monitor = ScriptedMonitor()
        self.api_keys = MemoryApiKeyDirectory(self.outages.api_keys)
        self.api_key_source = MemoryApiKeyDirectory(self.outages.api_key_source)
        self.api_key_usage = MemoryApiKeyUsage(self.outages.api_key_usage)
        self.shared_rates = MemorySharedRates(self.outages.shared_rates)
        self.decision_log = MemoryDecisionLog(self.outages.decision_log)
        self.handovers = ScriptedHandovers(self.outages.handovers)
        self.policies = SetPolicies()
        self.adapters = ApiAdapters(
            token_verifier=TokenVerifier(
                self.key_set,
                issuer=ISSUER,
                audience=api_audience(ISSUER),
                max_lifetime=timedelta(hours=1),
                clock=self.clock,
            ),
            role_directory=self.roles,
            subject_source=self.subjects,
            revocation_feed=self.feed,
            fallback_feed=self.fallback,
            session_store=self.sessions,
            issuer_monitor=self.issuer_monitor,
            edge=EdgeAdapters(
                any_token_verifier=TokenVerifier(
                    self.key_set, issuer=ISSUER, audience=None, max_lifetime=timedelta(hours=1), clock=self.clock
                ),
                api_keys=self.api_keys,
                api_key_source=self.api_key_source,
                api_key_usage=self.api_key_usage,
                shared_rates=self.shared_rates,
                decision_log=self.decision_log,
                handovers=self.handovers,
                usernames=self.subjects,
                policies=self.policies,
                randomness=self.randomness,
            ),
            clock=self.clock,
        )
        self.api = Api(self.settings, self.adapters)
        self._stack = AsyncExitStack()
        self._is_served = False

    async def __aenter__(self) -> Self:
        await self.feed.mark_complete(await self.feed.epoch())
        if self._directory_is_complete:
            await self.roles.mark_complete()
            await self.api_keys.mark_complete()
        self.logs = self._stack.enter_context(capture_logs())
        self.app = self.api.public_app()
        await self._stack.enter_async_context(self.key_client)
        self._stack.push_async_callback(self.key_set.aclose)
        await self._stack.enter_async_context(served(self.app))
        self.http = await self._stack.enter_async_context(_client_of(self.app))
        self.internal = await self._stack.enter_async_context(_client_of(self.api.internal_app()))
        await self.heard()
        self._is_served = True
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    # --- being somebody -----------------------------------------------------------------------------------------

    async def user(
        self, *roles: str, user_id: UUID = ALICE, username: str = "alice", enabled: bool = True, version: int = 1
    ) -> SubjectState:
        """The issuer writes a user's state into the role directory and tells of it, as it does after every change."""
        held = await self.roles.find(user_id)
        revision = held.revision + 1 if held is not None else 1
        state = SubjectState(user_id, username, frozenset(roles), enabled, version, revision)
        await self.roles.put(state)
        await self.announce(SubjectChange(str(user_id), revision))
        return state

    async def announce(self, change: SubjectChange) -> None:
        """Tell the api that copies are old, and return once it knows; while its feed is away it hears nothing."""
        with suppress(Unavailable):
            position = await self.feed.announce(change)
            if self._is_served:
                await self.heard(position)

    def claims(self, **changes: Any) -> Claims:
        """What a user's access token of the app says; ``changes`` replace claims."""
        now = self.clock.now()
        values: dict[str, Any] = {
            "issuer": ISSUER,
            "subject": str(ALICE),
            "audience": api_audience(ISSUER),
            "expires_at": now + LIFETIME,
            "not_before": now,
            "issued_at": now,
            "token_id": "jti-of-alice",
            "client_id": "bff",
            "scope": FIRST_PARTY_SCOPE,
            "session_id": "session-of-alice",
            "family_id": "family-of-alice",
            "user_version": 1,
            "auth_time": now,
            "amr": ("pwd",),
        }
        return Claims(**(values | changes))

    async def token(self, **changes: Any) -> str:
        """An access token that the issuer signed."""
        return await self.signer.sign(self.claims(**changes))

    async def get(self, path: str, token: str | None = None, **headers: str) -> httpx.Response:
        """Ask the api, with a bearer token or without."""
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return await self.http.get(path, headers=headers)

    def paths(self) -> set[str]:
        """Every path that the public port serves."""
        return {route.path for route in self.app.routes}

    # --- acting as the issuer -------------------------------------------------------------------------------------

    async def revoke(self, kind: RevocationKind, subject: str, min_version: int | None = None) -> None:
        """Publish a revocation and return once the api's copy has it: the follower is woken, no time passes."""
        await self.heard(await self.publish(kind, subject, min_version))

    async def publish(self, kind: RevocationKind, subject: str, min_version: int | None = None) -> FeedPosition:
        """Publish a revocation without waiting for the api."""
        now = self.clock.now()
        return await self.feed.publish(Revocation(kind, subject, min_version, now, now + 2 * LIFETIME))

    async def heard(self, position: FeedPosition | None = None) -> None:
        """Wait until the api has taken in the feed up to ``position``, or at all."""
        async with asyncio.timeout(1):
            await self.feed.heard_up_to(position)

    async def fallback_heard(self) -> None:
        """Wait until the api, whose feed is away, has taken in the issuer's feed as it stands now."""
        async with asyncio.timeout(5):
            await self.fallback.heard_up_to((await self.fallback.snapshot(self.clock.now())).position)

    async def heartbeat(self) -> None:
        """Have the api hear the feed now: something that concerns nobody was revoked."""
        await self.revoke(RevocationKind.SESSION, f"nobody-{self.clock.monotonic()}")


class WatchedFeed(MemoryRevocationFeed):
    """A feed that knows how far its reader is: who asks for what follows a position has taken it in."""

    def __init__(self, epoch: int, outage: MemoryOutage) -> None:
        super().__init__(epoch, outage)
        self._reader: FeedPosition | None = None
        self._asked = asyncio.Condition()

    async def changes_since(self, position: FeedPosition, wait_seconds: float) -> tuple[FeedChange, ...]:
        async with self._asked:
            self._reader = position
            self._asked.notify_all()
        return await super().changes_since(position, wait_seconds)

    async def heard_up_to(self, position: FeedPosition | None) -> None:
        async with self._asked:
            await self._asked.wait_for(
                lambda: self._reader is not None and (position is None or self._reader >= position)
            )


class PublishedDocument:
    """The issuer's key document as an ASGI app of its own, which counts how often it is fetched."""

    def __init__(self, document: KeyDocumentPort, outage: MemoryOutage) -> None:
        self._document = document
        self._outage = outage
        self.fetches = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.fetches += 1
        self._outage.check()
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"public, max-age=60")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": await self._document.render()})


@asynccontextmanager
async def served(app: Litestar) -> AsyncIterator[None]:
    """Run an app's lifespan as a server does: begun and ended by one task, which is not the one of the requests."""
    begun, over = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with app.lifespan():
            begun.set()
            await over.wait()

    living = asyncio.create_task(live())
    living.add_done_callback(lambda _: begun.set())
    await begun.wait()
    try:
        yield
    finally:
        over.set()
        await living


def _client_of(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ISSUER)
