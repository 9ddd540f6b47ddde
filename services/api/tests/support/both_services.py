"""The real issuer and the real api in one process, which meet where they meet in production: on the internal port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from api_world import PublishedDocument, SetPolicies, api_settings, served
from issuer_http import HttpWorld, running_issuer
from issuer_world import ISSUER, Outages
from litestar import Litestar
from paseport.http_key_document import HttpKeyDocument
from paseport.issuer_client import open_http_client
from paseport.issuer_feed import IssuerFeed
from paseport.issuer_subjects import IssuerSubjects
from paseport.key_set import RemoteKeySet
from paseport.token_verifier import TokenVerifier
from paseport_api.app import Api
from paseport_api.wiring import ApiAdapters, EdgeAdapters
from paseport_issuer.settings import Settings
from paseport_shared.adapters.issuer.api_keys import IssuerApiKeys
from paseport_shared.adapters.issuer.handovers import IssuerHandovers
from paseport_shared.adapters.issuer.internal_client import FEED_PATH, PRINCIPALS_PATH, InternalClient
from paseport_shared.adapters.issuer.issuer_monitor import IssuerMonitor
from paseport_shared.adapters.issuer.usernames import IssuerUsernames
from paseport_shared.adapters.memory.api_key_directory import MemoryApiKeyDirectory
from paseport_shared.adapters.memory.api_key_usage import MemoryApiKeyUsage
from paseport_shared.adapters.memory.decision_log import MemoryDecisionLog
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.randomness import SeededRandomness
from paseport_shared.adapters.memory.role_directory import MemoryRoleDirectory
from paseport_shared.adapters.memory.shared_rates import MemorySharedRates
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.client import api_audience


class InternalPort:
    """The issuer's internal app, at the end of a wire that can be cut, and the paths that it has answered."""

    def __init__(self, app: Litestar) -> None:
        self.outage = MemoryOutage()
        self.answered: asyncio.Queue[str] = asyncio.Queue()
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            self.outage.check()
        except Unavailable as cut:
            raise ConnectionRefusedError from cut
        await self._app(scope, receive, send)
        self.answered.put_nowait(scope["path"])

    async def has_answered(self, path: str, times: int = 1) -> None:
        """Wait until it has answered requests to ``path``."""
        async with asyncio.timeout(10):
            while times:
                times -= await self.answered.get() == path


@dataclass
class BothServices:
    """Two services that share what Redis holds; the api's role directory is empty, so it asks the issuer."""

    issuer: HttpWorld
    api: Api
    api_public: Litestar
    api_internal: Litestar
    internal_port: InternalPort

    @property
    def outages(self) -> Outages:
        """The switches of the shared backends."""
        return self.issuer.world.outages

    @asynccontextmanager
    async def asking_api(self, token: str | None = None, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
        """A client of the api's public port."""
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        transport = httpx.ASGITransport(self.api_public, client=("192.0.2.7", 50000))
        async with httpx.AsyncClient(transport=transport, base_url=ISSUER, headers=headers) as client:
            yield client


@asynccontextmanager
async def running_both(
    folder: Path, settings: Settings | None = None, **of_the_api: Any
) -> AsyncIterator[BothServices]:
    """Run the issuer, then the api beside it; ``of_the_api`` are settings of its own."""
    async with running_issuer(folder, settings) as issuer:
        world, internal_port = issuer.world, InternalPort(issuer.internal)
        shared = {"service_secret": world.settings.service_secret, "api_key_pepper": world.settings.api_key_pepper}
        api_side = api_settings(**(shared | of_the_api))
        transport = httpx.ASGITransport(internal_port)
        key_client = httpx.AsyncClient(
            transport=httpx.ASGITransport(PublishedDocument(world.adapters.key_document, internal_port.outage))
        )
        key_set = RemoteKeySet(
            HttpKeyDocument(f"{ISSUER}/.well-known/paserk.json", key_client), monotonic=world.clock.monotonic
        )
        async with open_http_client(api_side.issuer_internal_url, transport) as http, key_client, aclosing(key_set):
            internal = InternalClient(http, api_side.service_secret)
            adapters = ApiAdapters(
                token_verifier=TokenVerifier(
                    key_set,
                    issuer=ISSUER,
                    audience=api_audience(ISSUER),
                    max_lifetime=timedelta(hours=1),
                    clock=world.clock,
                ),
                role_directory=MemoryRoleDirectory(world.outages.redis),
                subject_source=IssuerSubjects(internal, PRINCIPALS_PATH),
                revocation_feed=world.feed,
                fallback_feed=IssuerFeed(internal, FEED_PATH),
                session_store=world.sessions,
                issuer_monitor=IssuerMonitor(internal),
                edge=EdgeAdapters(
                    any_token_verifier=TokenVerifier(
                        key_set, issuer=ISSUER, audience=None, max_lifetime=timedelta(hours=1), clock=world.clock
                    ),
                    api_keys=MemoryApiKeyDirectory(world.outages.redis),
                    api_key_source=IssuerApiKeys(internal),
                    api_key_usage=MemoryApiKeyUsage(world.outages.redis),
                    shared_rates=MemorySharedRates(world.outages.redis),
                    decision_log=MemoryDecisionLog(world.outages.redis),
                    handovers=IssuerHandovers(internal),
                    usernames=IssuerUsernames(internal),
                    policies=SetPolicies(),
                    randomness=SeededRandomness(),
                ),
                clock=world.clock,
            )
            api = Api(api_side, adapters)
            public = api.public_app()
            async with served(public):
                yield BothServices(issuer, api, public, api.internal_app(), internal_port)
