"""Bearer authentication in front of any ASGI application."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any, Final

from paseport.bearer import PRINCIPAL, Refusal, RunningVerifier, authenticate, bearer_token, refuse
from paseport.errors import AuthError

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_DENIAL: Final = "websocket.http.response"
_POLICY_VIOLATION: Final = 1008

_log = logging.getLogger(__name__)


class BearerMiddleware:
    """Lets only those through whose access token is good, and leaves the ``Principal`` in ``scope[PRINCIPAL]``.

    - HTTP and WebSocket alike: a WebSocket is refused during its handshake, with the same answer where the server
      supports the extension ``websocket.http.response`` and with its plain 403 elsewhere. An accepted one is not looked
      at again: end it yourself at ``principal.expires_at``.
    - Every method is asked for a token, OPTIONS included. A browser sends none with a CORS preflight, so answer
      preflights outside, in front of this middleware.
    - ``required=False`` lets a caller without a credential through, with None in the scope. A bad credential is refused
      all the same: nobody becomes a stranger by an expired token.
    - ``exempt`` are whole paths, compared character by character with the decoded path that the server reports. Nobody
      is authenticated there: the scope holds None.
    - ``runs_verifier=True`` starts the verifier before the application and closes it after (ASGI lifespan).

    The application does not run unless verification succeeded, whatever is raised meanwhile. What is no ``AuthError``
    goes to the server, which answers 500.
    """

    def __init__(
        self,
        app: ASGIApp,
        verifier: RunningVerifier,
        *,
        required: bool = True,
        exempt: Collection[str] = (),
        runs_verifier: bool = False,
    ) -> None:
        """Configure it. ``TypeError`` for a single string as ``exempt``, ``ValueError`` for a path without slash."""
        if isinstance(exempt, str):
            # Its characters would be exempt, and one of them is "/".
            raise TypeError("exempt is a collection of paths, not one path")
        if not all(path.startswith("/") for path in exempt):
            raise ValueError("an exempt path begins with a slash")
        self._app = app
        self._verifier = verifier
        self._required = required
        self._exempt = frozenset(exempt)
        self._runs_verifier = runs_verifier

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or the lifespan."""
        if scope["type"] == "lifespan":
            if self._runs_verifier:
                await _Lifespan(self._app, self._verifier, receive, send).run(scope)
            else:
                await self._app(scope, receive, send)
            return
        # A copy: middleware does not change the scope of those around it. A protocol other than HTTP and WebSocket goes
        # the same way; without path and headers that is a KeyError, and nobody is let in.
        inner = {**scope, PRINCIPAL: None}
        if scope["path"] not in self._exempt:
            try:
                await self._authenticate(inner)
            except AuthError as error:
                await _answer(refuse(error), scope, receive, send)
                return
        await self._app(inner, receive, send)

    async def _authenticate(self, scope: Scope) -> None:
        if self._required or bearer_token(scope["headers"]) is not None:
            await authenticate(scope, self._verifier)


class _Lifespan:
    """One run of the lifespan protocol for a verifier and an application that may not know the protocol."""

    def __init__(self, app: ASGIApp, verifier: RunningVerifier, receive: Receive, send: Send) -> None:
        self._app = app
        self._verifier = verifier
        self._receive = receive
        self._send = send
        self._heard: list[str] = []
        self._answered: list[str] = []

    async def run(self, scope: Scope) -> None:
        startup = await self._receive()
        try:
            if await self._start():
                await self._run_app(scope, startup)
        finally:
            await self._verifier.aclose()

    async def _start(self) -> bool:
        try:
            await self._verifier.start()
        # To raise it would tell the server that nobody speaks the protocol, and it would serve without a verifier.
        except Exception:
            _log.exception("the verifier could not be started")
            await self._send({"type": "lifespan.startup.failed", "message": "the verifier could not be started"})
            return False
        return True

    async def _run_app(self, scope: Scope, startup: Message) -> None:
        async def receive() -> Message:
            message = await self._receive() if self._heard else startup
            self._heard.append(message["type"])
            return message

        try:
            await self._app(scope, receive, self._pass_on)
        # The protocol's way to say "not supported" is to raise before the first answer.
        except Exception:
            if self._answered:
                raise
            _log.info("the application does not speak the lifespan protocol", exc_info=True)
        if not self._answered:
            await self._pass_on({"type": "lifespan.startup.complete"})
        if self._answered == ["lifespan.startup.complete"]:
            if "lifespan.shutdown" not in self._heard:
                await self._receive()
            await self._pass_on({"type": "lifespan.shutdown.complete"})

    async def _pass_on(self, message: Message) -> None:
        self._answered.append(message["type"])
        if message["type"].startswith("lifespan.shutdown"):
            # Before the server hears that all has ended: it may stop the loop at once.
            await self._verifier.aclose()
        await self._send(message)


async def _answer(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await _refuse_handshake(refusal, scope, receive, send)
        return
    await send({"type": "http.response.start", "status": refusal.status, "headers": refusal.raw_headers()})
    body = b"" if scope["method"] == "HEAD" else refusal.body
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _refuse_handshake(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    message = await receive()
    if message["type"] != "websocket.connect":
        return
    if _DENIAL in (scope.get("extensions") or {}):
        await send({"type": f"{_DENIAL}.start", "status": refusal.status, "headers": refusal.raw_headers()})
        await send({"type": f"{_DENIAL}.body", "body": refusal.body, "more_body": False})
    else:
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": ""})
