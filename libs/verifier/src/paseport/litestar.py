"""Bearer authentication for Litestar: a plugin, and the guards that say who may do what.

Litestar runs guards before it reads the body and before any dependency. A guard verifies the token, once per
connection, and leaves the caller where the dependency ``principal`` finds it. A WebSocket that a guard refuses is
closed during its handshake, which clients see as 403.
"""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any, Final

from litestar import Litestar, Request, Response
from litestar.config.app import AppConfig
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.handlers import BaseRouteHandler
from litestar.plugins import InitPlugin
from litestar.types import Scope

from paseport import requirements
from paseport.bearer import MEDIA_TYPE, PRINCIPAL, RunningVerifier, authenticate, refuse
from paseport.errors import AuthError
from paseport.principal import Principal

Connection = ASGIConnection[Any, Any, Any, Any]

_VERIFIER: Final = "paseport_verifier"


class PaseportPlugin(InitPlugin):
    """Gives an app its verifier: starts it with the app and closes it afterwards, and answers what it refuses.

    Adds the dependency ``principal`` and the answer to every ``AuthError`` (RFC 6750 §3, RFC 9457), unless the app has
    its own. It protects nothing by itself: name a guard on each app, router, controller or route that needs one.
    """

    def __init__(self, verifier: RunningVerifier) -> None:
        self._verifier = verifier

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Hand the verifier to the guards."""
        app_config.state[_VERIFIER] = self._verifier
        app_config.lifespan = [*app_config.lifespan, self._running]
        app_config.dependencies.setdefault("principal", Provide(provide_principal, sync_to_thread=False))
        app_config.exception_handlers = {AuthError: answer_refusal, **app_config.exception_handlers}
        return app_config

    @asynccontextmanager
    async def _running(self, _: Litestar) -> AsyncIterator[None]:
        try:
            await self._verifier.start()
            yield
        finally:
            await self._verifier.aclose()


def answer_refusal(request: Request[Any, Any, Any], error: AuthError) -> Response[bytes]:
    """Exception handler: the answer to who is not let in."""
    refusal = refuse(error)
    headers = {**dict(refusal.headers), "Content-Length": str(len(refusal.body))}
    body = b"" if request.method == "HEAD" else refusal.body
    return Response(body, status_code=refusal.status, headers=headers, media_type=MEDIA_TYPE)


def provide_principal(scope: Scope) -> Principal:
    """Dependency ``principal``: the caller whom a guard of the route authenticated.

    ``RuntimeError``, answered as a 500, on a route that forgot its guard.
    """
    principal: Principal | None = scope.get(PRINCIPAL)  # type: ignore[assignment]  # a key of ours, not of ASGI
    if principal is None:
        raise RuntimeError("a handler takes the principal, but no guard of its route authenticates")
    return principal


async def require_bearer(connection: Connection, _: BaseRouteHandler) -> None:
    """Guard: any caller with a good access token."""
    await _authenticated(connection)


class RequireScopes:
    """Guard: the caller's token covers all of ``scopes``; 403 ``insufficient_scope`` otherwise."""

    def __init__(self, scopes: Collection[str]) -> None:
        self.scopes = requirements.scopes_of(scopes)

    async def __call__(self, connection: Connection, _: BaseRouteHandler) -> None:
        """Authenticate, then ask for the scopes."""
        requirements.require_scopes(await _authenticated(connection), *self.scopes)


class RequireRoles:
    """Guard: the caller holds any of ``roles`` now; 403 ``insufficient_role`` otherwise."""

    def __init__(self, roles: Collection[str]) -> None:
        self.roles = requirements.roles_of(roles)

    async def __call__(self, connection: Connection, _: BaseRouteHandler) -> None:
        """Authenticate, then ask for a role."""
        requirements.require_roles(await _authenticated(connection), *self.roles)


def require_scopes(*scopes: str) -> RequireScopes:
    """Return a guard for callers whose token covers all of ``scopes``. ``ValueError`` if none is named."""
    return RequireScopes(scopes)


def require_roles(*roles: str) -> RequireRoles:
    """Return a guard for callers who hold any of ``roles`` now. ``ValueError`` if none is named."""
    return RequireRoles(roles)


async def _authenticated(connection: Connection) -> Principal:
    verifier: RunningVerifier | None = connection.app.state.get(_VERIFIER)
    if verifier is None:
        raise RuntimeError("a guard of paseport.litestar needs PaseportPlugin(verifier) among the app's plugins")
    return await authenticate(connection.scope, verifier)  # type: ignore[arg-type]  # a TypedDict that takes our keys
