"""Decisions in front of the framework.

Whole fleets ask for them with each request, and the framework, with the frame around it, costs several times what a
decision does. So whoever is let in is answered here, by plain ASGI. Everybody else goes on to the route of the same
path in the framework, which says in full why not; no token is judged twice for that (``http.bearer.authenticate``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final, cast

from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send
from paseport.authenticate_bearer import AuthenticateBearer
from paseport.bearer import parse_authorization
from paseport.principal import Principal

from paseport_shared.http.bearer import REFUSAL
from paseport_shared.http.hosts import AllowedHosts
from paseport_shared.http.metrics import ServiceMetrics
from paseport_shared.http.request_id import new_request_id
from paseport_shared.http.security_headers import FOR_PROGRAMS
from paseport_shared.request_context import answering

Render = Callable[[Principal], bytes]
"""What a caller who is let in is answered, as JSON."""

_JSON: Final = (b"content-type", b"application/json")


class HotPath:
    """ASGI middleware outside of the whole frame, for HTTP. ``routes`` are answered to GET; ``app`` has one for each.

    An answer given here is counted like every other and not logged: there would be one for each request to any service.
    """

    def __init__(
        self,
        app: ASGIApp,
        routes: Mapping[str, Render],
        authenticate: AuthenticateBearer,
        hosts: AllowedHosts,
        metrics: ServiceMetrics,
    ) -> None:
        self._app = app
        self._routes = routes
        self._authenticate = authenticate
        self._hosts = hosts
        self._metrics = metrics
        self._headers = (_JSON, *FOR_PROGRAMS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or leave it to the framework."""
        if scope["path"] in self._routes and scope.get("method") == "GET":
            started = time.perf_counter()
            request_id = new_request_id()
            principal = await self._let_in(cast(HTTPScope, scope), request_id)
            if principal is not None:
                await self._answer(scope["path"], principal, request_id, send)
                self._metrics.count("GET", scope["path"], 200, time.perf_counter() - started)
                return
        await self._app(scope, receive, send)

    async def _let_in(self, scope: HTTPScope, request_id: str) -> Principal | None:
        hosts, credentials = [], []
        for name, value in scope["headers"]:
            if name == b"authorization":
                credentials.append(value)
            elif name == b"host":
                hosts.append(value)
            elif name == b"origin":
                # Which other origins may read the answer, the frame says.
                return None
        if len(credentials) != 1 or self._hosts.problem_with(hosts, scope["path"]) is not None:
            return None
        try:
            token = parse_authorization(credentials[0])
            if token is None:
                return None
            principal = self._authenticate.recall(token)
            if principal is not None:
                return principal
            # Who is asked now shall find the request in its log.
            with answering(request_id):
                return await self._authenticate(token)
        # Whatever it is, faults of ours included: the frame renders it, logs it and lets nobody in.
        except Exception as error:
            scope["state"] = {**scope.get("state", {}), REFUSAL: error}
            return None

    async def _answer(self, path: str, principal: Principal, request_id: str, send: Send) -> None:
        body = self._routes[path](principal)
        headers = [
            *self._headers,
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", request_id.encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})
