"""Routes that also take access tokens of identity providers: those for API keys, and no others."""

from __future__ import annotations

from typing import Final

from litestar.handlers import BaseRouteHandler
from paseport_shared.http.bearer import Connection, bearer_token, let_in
from paseport_shared.http.client_address import client_address

from paseport_issuer.use_cases.authenticate_foreign_caller import AuthenticateForeignCaller
from paseport_issuer.use_cases.caller import Caller

_DOTS_OF_A_JWT: Final = 2
_OURS: Final = "v4."


async def accept_foreign_callers(connection: Connection, _: BaseRouteHandler) -> None:
    """Guard: take a JWT as the access token of an identity provider, and leave everything else to the guards behind.

    It stands before the guards that ask for scopes and roles, which then judge its caller like any other. A token of
    ours is never a JWT, so that no provider's outage is in its way.
    """
    token = bearer_token(connection)
    if token is None or token.startswith(_OURS) or token.count(".") != _DOTS_OF_A_JWT:
        return
    use_case: AuthenticateForeignCaller = connection.app.state.authenticate_foreign_caller
    caller = Caller(address=client_address(connection))
    let_in(connection, await use_case(token, caller))
