"""Bearer authentication for Starlette: how refusals are answered, and when the verifier runs.

Put ``paseport.asgi.BearerMiddleware`` in front of the routes. ``paseport.fastapi`` adds a dependency for FastAPI.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from paseport.bearer import RunningVerifier, refuse
from paseport.errors import AuthError

_POLICY_VIOLATION: Final = 1008


def running(verifier: RunningVerifier) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    """Return a lifespan that starts the verifier before the first request and closes it after the last."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        try:
            await verifier.start()
            yield
        finally:
            await verifier.aclose()

    return lifespan


def answer_refusals(app: Starlette) -> None:
    """Let the app answer every ``AuthError`` that a route or a dependency raises (RFC 6750 §3, RFC 9457).

    Without it they end as 500: nobody is let in, and nobody is told why.
    """
    app.add_exception_handler(AuthError, _render)  # type: ignore[arg-type]  # one for both kinds of connection


async def _render(connection: HTTPConnection, error: Exception) -> Response | None:
    if not isinstance(error, AuthError):
        raise error
    refusal = refuse(error)
    # Starlette hands a WebSocket's errors to the same handler.
    if isinstance(connection, WebSocket):
        await _refuse_websocket(connection, Response(refusal.body, refusal.status, dict(refusal.headers)))
        return None
    is_head = isinstance(connection, Request) and connection.method == "HEAD"
    headers = {**dict(refusal.headers), "Content-Length": str(len(refusal.body))}
    return Response(b"" if is_head else refusal.body, refusal.status, headers)


async def _refuse_websocket(websocket: WebSocket, response: Response) -> None:
    if "websocket.http.response" in websocket.scope.get("extensions", {}):
        await websocket.send_denial_response(response)
    else:
        await websocket.close(_POLICY_VIOLATION)
