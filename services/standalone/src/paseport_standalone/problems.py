"""Refusals of what stands in front of the services, in their form (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import msgspec
from paseport_shared.domain.errors import NotFound, UnlistedHost
from paseport_shared.http.problem import MEDIA_TYPE
from paseport_shared.http.request_id import new_request_id

from paseport_standalone.asgi import Headers, Scope, Send

_PROTECTION: Final = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)


async def send_not_found(scope: Scope, send: Send, headers: Headers | None = None) -> None:
    """Say that there is nothing at this path."""
    await _send(scope, send, HTTPStatus.NOT_FOUND, NotFound.code, NotFound.public, headers)


async def send_method_not_allowed(scope: Scope, send: Send, allowed: tuple[str, ...]) -> None:
    """Say which methods the path takes (RFC 9110 §15.5.6)."""
    headers = [(b"allow", ", ".join(allowed).encode())]
    detail = "This method is not supported here."
    await _send(scope, send, HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", detail, headers)


async def send_unlisted_host(scope: Scope, send: Send) -> None:
    """Say that this host name is none of ours."""
    await _send(scope, send, HTTPStatus.BAD_REQUEST, UnlistedHost.code, UnlistedHost.public)


async def _send(
    scope: Scope, send: Send, status: HTTPStatus, code: str, detail: str, headers: Headers | None = None
) -> None:
    request_id = new_request_id()
    body = msgspec.json.encode(
        {
            "type": "about:blank",
            "title": status.phrase,
            "status": status.value,
            "detail": detail,
            "code": code,
            "request_id": request_id,
        }
    )
    sent = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"x-request-id", request_id.encode()),
        *_PROTECTION,
        *(headers or ()),
    ]
    await send({"type": "http.response.start", "status": status.value, "headers": sent})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body, "more_body": False})
