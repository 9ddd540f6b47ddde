"""Decisions in front of the framework.

Whole fleets ask for them with each request, and the framework, with the frame around it, costs several times what a
decision does. So whoever is let in is answered here, by plain ASGI. Everybody else goes on to the route of the same
path in the framework, which says in full why not; no token is judged twice for that (``http.bearer.authenticate``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final, cast

from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
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
_ID: Final = b"x-request-id"
_Answer = tuple[bytes, tuple[tuple[bytes, bytes], ...]]
"""A body and its headers."""


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
        self._counters = {path: metrics.counter("GET", path) for path in routes}
        self._headers = (_JSON, *FOR_PROGRAMS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or leave it to the framework."""
        path = scope["path"]
        render = self._routes.get(path)
        if render is None or scope.get("method") != "GET" or (credential := self._credential_in(scope)) is None:
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = new_request_id()
        try:
            # Only a string that was verified before is found, so its form needs no second look.
            bearer = credential[:7] == b"Bearer "
            verdict = self._authenticate.verdict(str(credential[7:], "latin-1")) if bearer else None
            if verdict is None:
                # Who is asked now shall find the request in its log.
                with answering(request_id):
                    answer = self._answer(render(await self._authenticate(parse_authorization(credential))))
            elif (known := verdict.answers.get(path)) is not None:
                answer = known
            else:
                answer = verdict.answers[path] = self._answer(render(verdict.principal))
        # Whatever it is, faults of ours included: the frame renders it, logs it and lets nobody in.
        except Exception as error:
            cast(HTTPScope, scope)["state"] = {**scope.get("state", {}), REFUSAL: error}
            await self._app(scope, receive, send)
            return
        body, headers = answer
        start = {"type": "http.response.start", "status": 200, "headers": [*headers, (_ID, request_id.encode())]}
        await send(cast(Message, start))
        await send({"type": "http.response.body", "body": body, "more_body": False})
        self._counters[path](200, time.perf_counter() - started)

    def _answer(self, body: bytes) -> _Answer:
        return body, (*self._headers, (b"content-length", b"%d" % len(body)))

    def _credential_in(self, scope: Scope) -> bytes | None:
        """Return the one ``Authorization``, or None for a request that is for the frame to judge."""
        host = credential = None
        for name, value in scope["headers"]:
            if name == b"authorization":
                if credential is not None:
                    return None
                credential = value
            elif name == b"host":
                if host is not None:
                    return None
                host = value
            elif name == b"origin":
                # Which other origins may read the answer, the frame says.
                return None
        return credential if host is not None and self._hosts.serves(host) else None
