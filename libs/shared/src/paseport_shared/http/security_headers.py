"""Response headers that every answer has unless its handler says otherwise."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final

from litestar.types import ASGIApp, Message, Receive, Scope, Send

DEFAULTS: Final = (
    (b"cache-control", b"no-store"),
    # JSON opened as a page must neither run nor be framed.
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
HSTS: Final = (b"strict-transport-security", b"max-age=63072000")
"""Two years. Without ``includeSubDomains``: the neighbours of this host are not ours to decide about."""


FOR_PROGRAMS: Final = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
"""What is left of them for an answer that only programs get: a page can neither frame nor embed what needs a token."""


def default_headers(*, https: bool) -> tuple[tuple[bytes, bytes], ...]:
    """Return what every answer has; HSTS only where the origin is https."""
    return (*DEFAULTS, HSTS) if https else DEFAULTS


class SecurityHeaders:
    """ASGI middleware: adds each default that the answer does not set itself, and HSTS where the origin is https."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._defaults = default_headers(https=https)
        self._names = frozenset(name for name, _ in self._defaults)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request."""

        def send_protected(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                # ASGI wants names in lower case, which not every application keeps to.
                present = {name.lower() for name, _ in headers} & self._names
                missing = (header for header in self._defaults if header[0] not in present) if present else None
                message["headers"] = [*headers, *(missing or self._defaults)]
            return send(message)

        return self._app(scope, receive, send_protected)
