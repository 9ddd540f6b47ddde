"""Cross-origin reads by the configured origins (``CORS_ORIGINS``), and by no other (BF-07).

Litestar's own ``CORSConfig`` answers foreign origins with ``Access-Control-Allow-Credentials`` and the list of methods,
overwrites a handler's ``Vary`` and leaves it out for foreign origins, so that a shared cache could mix answers up.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, cast

from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

_Headers = list[tuple[bytes, bytes]]

_PREFLIGHT: Final = (
    (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE"),
    (b"access-control-allow-headers", b"Authorization, Content-Type, If-Match, X-CSRF"),
    (b"access-control-max-age", b"600"),
    (b"content-length", b"0"),
)
_EXPOSED: Final = (
    b"access-control-expose-headers",
    b"ETag, Location, Retry-After, WWW-Authenticate, X-Request-Id",
)
_VARY: Final = (b"vary", b"Origin")


class Cors:
    """ASGI middleware. A foreign origin gets the answer that it would get without CORS: the browser withholds it.

    So does everybody below the paths ``never``: people go there, scripts have nothing to read there.
    """

    def __init__(self, app: ASGIApp, origins: Iterable[str], never: tuple[str, ...] = ()) -> None:
        self._app = app
        self._never = never
        self._origins = frozenset(origin.encode() for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        origins = [value for name, value in scope["headers"] if name == b"origin"]
        is_readable = not scope["path"].startswith(self._never) if self._never else True
        allowed = len(origins) == 1 and origins[0] in self._origins and is_readable
        granted: _Headers = []
        if allowed:
            granted = [(b"access-control-allow-origin", origins[0]), (b"access-control-allow-credentials", b"true")]
        if allowed and _is_preflight(cast(HTTPScope, scope)):
            await send({"type": "http.response.start", "status": 204, "headers": [*granted, *_PREFLIGHT, _VARY]})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return

        async def send_granting(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                # What everybody may read says so itself; two values would be none.
                is_public = any(name.lower() == b"access-control-allow-origin" for name, _ in headers)
                extra = [*granted, _EXPOSED, _VARY] if allowed and not is_public else [_VARY]
                message["headers"] = [*headers, *extra]
            await send(message)

        await self._app(scope, receive, send_granting)


def _is_preflight(scope: HTTPScope) -> bool:
    return scope["method"] == "OPTIONS" and any(
        name == b"access-control-request-method" for name, _ in scope["headers"]
    )
