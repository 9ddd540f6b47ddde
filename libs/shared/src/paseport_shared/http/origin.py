"""Cross-site request forgery: who may make a browser use its cookies (design §4)."""

from __future__ import annotations

from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from paseport_shared.domain.errors import OriginRefused


async def require_own_origin(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Guard of every unsafe route that reads or sets a cookie. Litestar runs guards before it reads the body.

    ``X-CSRF: 1`` cannot be sent across origins without a preflight that we never grant, and ``Origin`` must be one of
    ``app.state.allowed_origins``; ``null`` is nobody's origin. Only where no Origin is sent may ``Sec-Fetch-Site:
    same-origin`` speak for the browser; without either the request is refused. Raises ``OriginRefused`` (BF-02, BF-05).
    """
    if _values(connection, b"x-csrf") != [b"1"]:
        raise OriginRefused("no X-CSRF: 1")
    origins = _values(connection, b"origin")
    if origins:
        if len(origins) != 1 or origins[0].decode("latin-1") not in connection.app.state.allowed_origins:
            raise OriginRefused("foreign Origin")
    elif _values(connection, b"sec-fetch-site") != [b"same-origin"]:
        raise OriginRefused("neither Origin nor Sec-Fetch-Site: same-origin")


async def refuse_foreign_origin(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Guard of an unsafe route without a cookie that a foreign page must not use up through its visitors.

    Browsers send ``Origin`` with every POST; other clients send none and pass. Raises ``OriginRefused``.
    """
    origins = _values(connection, b"origin")
    if any(origin.decode("latin-1") not in connection.app.state.allowed_origins for origin in origins):
        raise OriginRefused("foreign Origin")


def requires_own_origin(handler: BaseRouteHandler) -> bool:
    """Say whether a route has the guard, so that a test can walk an app's routes and find one without it."""
    return require_own_origin in handler.resolve_guards()


def _values(connection: ASGIConnection[Any, Any, Any, Any], name: bytes) -> list[bytes]:
    return [value for key, value in connection.scope["headers"] if key == name]
