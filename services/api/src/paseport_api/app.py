"""The api's two HTTP apps: the public one, and the internal one for operators."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from typing import Any, Final

from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.types import ControllerRouterHandler
from paseport_shared.domain.errors import Unavailable
from paseport_shared.http.app import ServiceApp
from paseport_shared.http.background import Job, in_background
from paseport_shared.http.health import health_handlers
from paseport_shared.http.measure import MeasuredBearer
from paseport_shared.http.metrics import ApiMetrics, metrics_handler
from paseport_shared.http.openapi import openapi_config
from paseport_shared.http.watch import WatchFeeds, WatchParts

from paseport_api.handlers.admin import admin_router
from paseport_api.handlers.dashboard import dashboard_handler
from paseport_api.handlers.principal import PATH as PRINCIPAL_PATH
from paseport_api.handlers.principal import principal, render
from paseport_api.settings import Settings
from paseport_api.use_cases.check_readiness import ROLE_DIRECTORY
from paseport_api.wiring import FEEDS, ApiAdapters, wire

VERSION: Final = version("paseport-api")


class Api:
    """One api: its use cases, and the two apps that show them."""

    def __init__(self, settings: Settings, adapters: ApiAdapters) -> None:
        self.metrics = ApiMetrics(VERSION)
        self.use = wire(adapters, self.metrics.registry)
        self._settings = settings
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
                *health_handlers(self.use.check_readiness, "/api/health", optional=[ROLE_DIRECTORY]),
            ],
            lifespan=[self._background()],
            openapi=openapi_config("Paseport API", VERSION, "/api/openapi.json", "The protected API."),
            allowed_hosts=self._settings.hosts,
            hot_routes={PRINCIPAL_PATH: render},
        )

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
                "show_revocations": _provide(self.use.show_revocations),
            },
            state={"authenticate_bearer": MeasuredBearer(self.use.authenticate_bearer, self.metrics)},
            metrics=self.metrics,
            allowed_origins=(settings.origin, *settings.cors_origins),
            cors_origins=settings.cors_origins,
            trusted_proxies=settings.trusted_proxies,
            https=settings.is_https,
            **options,
        )


def _provide(value: object) -> Provide:
    return Provide(lambda: value, sync_to_thread=False, use_cache=True)
