"""One log line and one count for every answer, whether a route gave it or nobody did."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Collection
from typing import Final, cast

import structlog
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from paseport_shared.http.client_address import address_in
from paseport_shared.http.metrics import ServiceMetrics

UNKNOWN_ROUTE: Final = "unknown"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_PROBES: Final = ("/health/live", "/health/ready")

_log = structlog.get_logger(__name__)


class ObserveRequests:
    """ASGI middleware. The route's template appears; path, query string, headers and bodies do not (LG-21).

    ``documents`` are read by every verifier again and again: as long as they can be had, they are counted alone.
    """

    def __init__(self, app: ASGIApp, metrics: ServiceMetrics, documents: Collection[str] = ()) -> None:
        self._app = app
        self._documents = frozenset(documents)
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. One that ends without an answer counts as a 500: the server makes that of it."""
        status = 500
        started = time.perf_counter()

        def watched_send(message: Message) -> Awaitable[None]:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            return send(message)

        try:
            await self._app(scope, receive, watched_send)
        finally:
            self._note(cast(HTTPScope, scope), status, time.perf_counter() - started)

    def _note(self, scope: HTTPScope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        route = scope.get("path_template") or UNKNOWN_ROUTE
        self._metrics.count(method, route, status, seconds)
        # Probes come every few seconds and say nothing while they succeed.
        is_quiet = status == 200 and (route in self._documents or route.endswith(_PROBES))
        log = _log.debug if is_quiet else _log.info
        log(
            "request",
            method=method,
            route=route,
            status=status,
            duration_ms=round(seconds * 1000, 2),
            client_address=address_in(scope),
        )
