"""Routes for which a sign-in of long ago is not enough (AD-14)."""

from __future__ import annotations

from litestar.handlers import BaseRouteHandler
from paseport.clock import Clock
from paseport_shared.http.bearer import Connection, authenticate

from paseport_issuer.use_cases.fresh_sign_in import require_recent


async def require_recent_sign_in(connection: Connection, _: BaseRouteHandler) -> None:
    """Guard: somebody was asked for a credential lately; 401 ``insufficient_user_authentication`` otherwise."""
    clock: Clock = connection.app.state.clock
    principal = await authenticate(connection)
    require_recent(principal.claims.auth_time, clock.now())
