"""The addresses of a system that was here before, for proxies whose configuration still has them.

``GET /auth`` is ``/forward-auth`` in that system's words: 200 ``OK``, 401, 403, 429, 503. ``GET /healthz`` is 200 or
503. Both are served only where its keys moved in (``PASEPORT_LEGACY_TOKEN_PEPPER``, ``PASEPORT_LEGACY_TOKEN_SALT``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Mapping
from typing import Final, cast

from litestar.types import ASGIApp, Message, Receive, Scope, Send
from paseport_shared.http.health import ReadParts

from paseport_api.handlers.proxy_requests import FORWARD_AUTH

AUTH: Final = "/auth"
HEALTH: Final = "/healthz"
_STATUSES: Final[Mapping[int, int]] = {204: 200, 400: 403}
"""That system knew no 400: what cannot be judged was forbidden."""
_TEXTS: Final[Mapping[int, bytes]] = {
    200: b"OK",
    401: b"Unauthorized",
    403: b"Forbidden",
    429: b"Too Many Requests",
    503: b"Service Unavailable",
}
_TEXT: Final = (b"content-type", b"text/plain; charset=utf-8")
_OF_A_BODY: Final = frozenset({b"content-type", b"content-length"})


class LegacyAddresses:
    """ASGI in front of ``ForwardAuth``, which decides and keeps everything that it says beside the status.

    ``read_parts`` says what is up, and ``optional`` which parts nobody needs.
    """

    def __init__(self, forward_auth: ASGIApp, read_parts: ReadParts, optional: Collection[str] = ()) -> None:
        self._forward_auth = forward_auth
        self._read_parts = read_parts
        self._optional = frozenset(optional)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request, or hand it on."""
        if scope["path"] == AUTH:
            return self._decide(scope, receive, send)
        if scope["path"] == HEALTH:
            return self._say_health(send)
        return self._forward_auth(scope, receive, send)

    async def _decide(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Without Accept nobody is led to a sign-in: that system had none.
        headers = [header for header in scope["headers"] if header[0] != b"accept"]
        asked = cast(Scope, {**scope, "path": FORWARD_AUTH.name, "headers": headers})

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = [header for header in message["headers"] if header[0] not in _OF_A_BODY]
                await _send(send, _STATUSES.get(message["status"], message["status"]), said)

        await self._forward_auth(asked, receive, answer)

    async def _say_health(self, send: Send) -> None:
        parts = await self._read_parts()
        is_ready = all(part.is_up or part.name in self._optional for part in parts)
        await _send(send, 200 if is_ready else 503, [(b"cache-control", b"no-store")])


async def _send(send: Send, status: int, headers: list[tuple[bytes, bytes]]) -> None:
    body = _TEXTS.get(status, b"Denied")
    length = (b"content-length", b"%d" % len(body))
    start = {"type": "http.response.start", "status": status, "headers": [*headers, _TEXT, length]}
    await send(cast(Message, start))
    await send({"type": "http.response.body", "body": body, "more_body": False})
