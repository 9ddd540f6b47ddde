"""The api's two HTTP apps: the public one, and the internal one for operators."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from typing import Any, Final

from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, ControllerRouterHandler
from paseport_shared.domain.errors import Unavailable
from paseport_shared.http.app import ServiceApp
from paseport_shared.http.background import Job, in_background
from paseport_shared.http.client_address import TrustedProxies
from paseport_shared.http.health import health_handlers
from paseport_shared.http.measure import MeasuredBearer
from paseport_shared.http.metrics import ApiMetrics, metrics_handler
from paseport_shared.http.openapi import openapi_config
from paseport_shared.http.provided import Provided
from paseport_shared.http.watch import WatchFeeds, WatchParts

from paseport_api.handlers.admin import admin_router
from paseport_api.handlers.dashboard import dashboard_handler
from paseport_api.handlers.forward_auth import EdgeRules, ForwardAuth
from paseport_api.handlers.handover import EdgeCookies, Handover
from paseport_api.handlers.legacy import LegacyAddresses
from paseport_api.handlers.policy import policy_router
from paseport_api.handlers.principal import PATH as PRINCIPAL_PATH
from paseport_api.handlers.principal import principal, render
from paseport_api.handlers.proxy_requests import ReadsCredentials
from paseport_api.settings import Settings
from paseport_api.use_cases.check_readiness import ROLE_DIRECTORY
from paseport_api.wiring import FEEDS, ApiAdapters, legacy_digests, wire

VERSION: Final = version("paseport-api")


class Api:
    """One api: its use cases, and the two apps that show them."""

    def __init__(self, settings: Settings, adapters: ApiAdapters) -> None:
        self.metrics = ApiMetrics(VERSION)
        self.use = wire(settings, adapters, self.metrics.registry)
        self._settings = settings
        self._adapters = adapters
        for name, pool in adapters.pools.items():
            self.metrics.watch_pool(name, pool)
        self.metrics.watch_feed(FEEDS, self.use.follow_revocations, self.use.revocations)
        if adapters.reference_clock is not None:
            self.metrics.watch_clock(lambda: self.use.check_readiness.skew.total_seconds())

    def public_app(self) -> ServiceApp:
        """Return the app of the public port; its lifespan follows the revocations."""
        return self._app(
            [
                dashboard_handler(self.use.show_dashboard),
                principal,
                admin_router,
                policy_router,
                *health_handlers(self.use.check_readiness, "/api/health", optional=[ROLE_DIRECTORY]),
            ],
            lifespan=[self._background()],
            openapi=openapi_config("Paseport API", VERSION, "/api/openapi.json", "The protected API."),
            allowed_hosts=self._settings.hosts,
            hot_routes={PRINCIPAL_PATH: render},
            in_front=self._forward_auth,
        )

    def _forward_auth(self, app: ASGIApp) -> ASGIApp:
        settings, rules = self._settings, self._settings.forward_auth
        cookies = EdgeCookies(secure=settings.is_https)
        moved_in = bool(legacy_digests(settings))
        forward_auth = ForwardAuth(
            app,
            self.use.decide_request,
            Handover(
                self.use.complete_handover,
                cookies,
                settings.origin,
                settings.edge_hosts,
                self.metrics,
                secure=settings.is_https,
            ),
            self.use.log_denials,
            TrustedProxies(settings.trusted_proxies),
            ReadsCredentials(
                carriers=frozenset(rules.api_key_carriers),
                edge_cookie=cookies.edge,
                takes_any_text=moved_in,
            ),
            EdgeRules(settings.edge_hosts, is_secure=settings.is_https),
            self.metrics,
            self._adapters.clock,
        )
        if not moved_in:
            return forward_auth
        return LegacyAddresses(forward_auth, self.use.check_readiness, optional=[ROLE_DIRECTORY])

    @asynccontextmanager
    async def _background(self) -> AsyncIterator[None]:
        # Whoever connects meanwhile waits in line, and need not be told to come back. Where nobody can say what was
        # revoked the api starts all the same: until it hears, every token gets 503.
        with suppress(Unavailable):
            await self.use.follow_revocations.step()
        jobs: dict[str, Job] = {
            "follow revocations": self.use.follow_revocations,
            "watch parts": WatchParts(self.use.check_readiness, self.metrics),
            "watch feeds": WatchFeeds(FEEDS, self.use.follow_revocations),
            "record key uses": self.use.record_key_uses,
            "note session uses": self.use.note_session_uses,
            "log denials": self.use.log_denials,
            **self._adapters.edge.jobs,
        }
        async with in_background(jobs):
            yield

    def internal_app(self) -> ServiceApp:
        """Return the app of the internal port. It needs the public app's lifespan to have begun."""
        return self._app([metrics_handler(self.metrics), *self._health("/health")], is_internal=True)

    def _health(self, prefix: str) -> list[HTTPRouteHandler]:
        # Without the directory the issuer is asked: slower, and no reason to send callers elsewhere.
        return health_handlers(self.use.check_readiness, prefix, optional=[ROLE_DIRECTORY])

    def _app(self, route_handlers: list[ControllerRouterHandler], **options: Any) -> ServiceApp:
        settings = self._settings
        return ServiceApp(
            route_handlers=route_handlers,
            dependencies={
                "show_revocations": Provided(self.use.show_revocations),
                "explain_policy": Provided(self.use.explain_policy),
                "read_decisions": Provided(self.use.read_decisions),
            },
            state={"authenticate_bearer": MeasuredBearer(self.use.authenticate_bearer, self.metrics)},
            metrics=self.metrics,
            allowed_origins=(settings.origin, *settings.cors_origins),
            cors_origins=settings.cors_origins,
            trusted_proxies=settings.trusted_proxies,
            https=settings.is_https,
            **options,
        )
