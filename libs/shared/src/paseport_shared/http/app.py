"""The frame around both services: what every request gets, whichever route answers it, or none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from litestar import Litestar
from litestar.datastructures import State
from litestar.openapi.config import OpenAPIConfig
from litestar.types import ASGIApp, ControllerRouterHandler, Dependencies

from paseport_shared.domain.errors import AuthError
from paseport_shared.http.client_address import ClientAddress, TrustedProxies
from paseport_shared.http.cors import Cors
from paseport_shared.http.documents import PublicDocument, ServeDocuments
from paseport_shared.http.hosts import AllowedHosts
from paseport_shared.http.hot_path import HotPath, Render
from paseport_shared.http.metrics import ServiceMetrics
from paseport_shared.http.observe import ObserveRequests
from paseport_shared.http.problem import PROBLEMS, RenderProblems, Row, exception_handlers
from paseport_shared.http.request_id import RequestId
from paseport_shared.http.security_headers import SecurityHeaders
from paseport_shared.http.strict_request import StrictRequest

MAX_BODY_BYTES: Final = 256 * 1024

Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]] | AbstractAsyncContextManager[None]


class ServiceApp(Litestar):
    """Litestar in a frame of plain ASGI middleware.

    Litestar's own middleware runs behind its router and would not see unknown routes, so the frame stands in front, and
    its order is decided here alone: hot path (for those who are let in) → request id → client address → log and metrics
    → security headers → problems → host → public documents → CORS → Litestar (routing, guards, body of at most 256 KiB,
    handler).
    """

    def __init__(
        self,
        *,
        route_handlers: Sequence[ControllerRouterHandler],
        metrics: ServiceMetrics,
        state: Mapping[str, Any],
        dependencies: Dependencies | None = None,
        lifespan: Sequence[Lifespan] = (),
        openapi: OpenAPIConfig | None = None,
        documents: Mapping[str, PublicDocument] | None = None,
        hot_routes: Mapping[str, Render] | None = None,
        in_front: Callable[[ASGIApp], ASGIApp] | None = None,
        allowed_hosts: Sequence[str] | None = None,
        allowed_origins: Sequence[str] = (),
        cors_origins: Sequence[str] = (),
        cors_never: tuple[str, ...] = (),
        trusted_proxies: Sequence[str] = (),
        https: bool = True,
        is_internal: bool = False,
        problems: Mapping[type[AuthError], Row] = PROBLEMS,
    ) -> None:
        """Build the app.

        ``allowed_hosts`` are values of the Host header, with the port where it is not 80 or 443; None takes any, which
        is for a port that browsers do not reach. ``allowed_origins`` may use cookies; ``cors_origins`` are those of
        them that are not ours and may read answers, except below the paths ``cors_never``. ``state`` holds what guards
        need: ``authenticate_bearer`` and more. ``hot_routes`` are routes that ``HotPath`` answers to those who are let
        in, by their path. ``in_front`` wraps all of it: what is asked more often than everything else together answers
        there, and hands on what is not for it. ``is_internal``: our own services ask here, and their requests go on
        under the id that they have.
        """
        super().__init__(
            route_handlers=route_handlers,
            dependencies=dependencies,
            state=State({**state, "allowed_origins": frozenset(allowed_origins)}),
            lifespan=list(lifespan),
            openapi_config=openapi,
            exception_handlers=exception_handlers(problems),
            request_class=StrictRequest,
            request_max_body_size=MAX_BODY_BYTES,
            # The frame logs. Litestar's default would configure the process' logging while it is constructed.
            logging_config=None,
            debug=False,
            pdb_on_exception=False,
        )
        frame: ASGIApp = super().__call__
        if cors_origins:
            frame = Cors(frame, cors_origins, never=cors_never)
        self.documents = dict(documents or {})
        if self.documents:
            frame = ServeDocuments(frame, self.documents)
        hosts = AllowedHosts(frame, allowed_hosts)
        frame = hosts
        frame = RenderProblems(frame, problems)
        frame = SecurityHeaders(frame, https=https)
        frame = ObserveRequests(frame, metrics, self.documents)
        frame = ClientAddress(frame, TrustedProxies(trusted_proxies))
        frame = RequestId(frame, continues=is_internal)
        if hot_routes:
            frame = HotPath(frame, hot_routes, state["authenticate_bearer"], hosts, metrics)
        self._frame: ASGIApp = frame if in_front is None else in_front(frame)

    def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        """Serve one request, or the lifespan."""
        # Handed on, and not awaited here: each layer of coroutines is paid for by every request.
        serve = self._frame if scope["type"] == "http" else super().__call__
        return serve(scope, receive, send)
