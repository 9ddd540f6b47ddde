"""Bearer authentication (RFC 6750 §2.1) and the guards that say who may do what.

One mechanism: **guards**. Litestar runs guards before it reads the body and before any dependency, so a guard
authenticates first and leaves the principal in the connection's scope, where the guards after it and the dependency
``provide_principal`` find it. Nothing is verified twice, and a route without a guard costs nothing.

- ``require_bearer``: any caller with a valid access token;
- ``require_scope("admin")``: the token must also cover the scope (403 ``insufficient_scope``);
- ``require_role("Admin")``, ``require_any_role("User", "Admin")``: the subject must also hold a role now (403
  ``insufficient_role``).

List the scope before the role: guards run in that order. The use case ``AuthenticateBearer`` is taken from
``app.state.authenticate_bearer``.
"""

from __future__ import annotations

from typing import Any, Final

from litestar.connection import ASGIConnection, Request
from litestar.handlers import BaseRouteHandler
from paseport import bearer, requirements
from paseport.authenticate_bearer import AuthenticateBearer
from paseport.principal import Principal

Connection = ASGIConnection[Any, Any, Any, Any]

REFUSAL: Final = "refusal"
"""In the scope's state: why ``HotPath`` did not let the caller in. A token is not judged twice."""
_PRINCIPAL: Final = "principal"


def bearer_token(connection: Connection) -> str | None:
    """Return the bearer token of ``Authorization``, or None where none is presented; by the rule for everybody."""
    return bearer.bearer_token(connection.scope["headers"])


async def authenticate(connection: Connection) -> Principal:
    """Return who is calling, verifying the token once per request.

    Raises what ``AuthenticateBearer`` raises: ``AuthenticationRequired``, ``InvalidToken`` or ``Unavailable``.
    """
    state = connection.scope["state"]
    known: Principal | None = state.get(_PRINCIPAL)
    if known is not None:
        return known
    if (refusal := state.get(REFUSAL)) is not None:
        raise refusal
    use_case: AuthenticateBearer = connection.app.state.authenticate_bearer
    token = bearer_token(connection)
    principal = None if token is None else use_case.recall(token)
    if principal is None:
        principal = await use_case(token)
    state[_PRINCIPAL] = principal
    return principal


def let_in(connection: Connection, principal: Principal) -> None:
    """Note whom a guard of the route authenticated by another credential: the guards behind it judge this caller."""
    connection.scope["state"][_PRINCIPAL] = principal


def provide_principal(request: Request[Any, Any, Any]) -> Principal:
    """Dependency ``principal``: the caller that a guard of the route authenticated.

    Raises ``RuntimeError``, answered as a 500, on a route that forgot its guard.
    """
    principal: Principal | None = request.scope["state"].get(_PRINCIPAL)
    if principal is None:
        message = "a handler takes the principal, but no guard of its route authenticates"
        raise RuntimeError(message)
    return principal


async def require_bearer(connection: Connection, _: BaseRouteHandler) -> None:
    """Guard: any caller with a valid access token."""
    await authenticate(connection)


class RequireScope:
    """Guard: the caller's token covers ``scope``; 403 ``insufficient_scope`` otherwise."""

    def __init__(self, scope: str) -> None:
        self.scope = scope

    async def __call__(self, connection: Connection, _: BaseRouteHandler) -> None:
        """Authenticate, then ask for the scope."""
        requirements.require_scopes(await authenticate(connection), self.scope)


class RequireRole:
    """Guard: the caller holds one of ``roles`` now; 403 ``insufficient_role`` otherwise."""

    def __init__(self, roles: frozenset[str]) -> None:
        self.roles = roles

    async def __call__(self, connection: Connection, _: BaseRouteHandler) -> None:
        """Authenticate, then ask for a role."""
        requirements.require_roles(await authenticate(connection), *self.roles)


def require_scope(scope: str) -> RequireScope:
    """Return a guard for callers whose token covers ``scope``."""
    return RequireScope(scope)


def require_role(role: str) -> RequireRole:
    """Return a guard for callers who hold ``role`` now."""
    return RequireRole(frozenset({role}))


def require_any_role(*roles: str) -> RequireRole:
    """Return a guard for callers who hold one of ``roles`` now."""
    return RequireRole(frozenset(roles))


def required_scopes(handler: BaseRouteHandler) -> tuple[str, ...] | None:
    """Return the scopes that a route's guards ask for, or None for a route that no guard of this module protects."""
    guards = handler.resolve_guards()
    if not any(guard is require_bearer or isinstance(guard, RequireScope | RequireRole) for guard in guards):
        return None
    return tuple(guard.scope for guard in guards if isinstance(guard, RequireScope))
