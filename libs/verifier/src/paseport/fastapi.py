"""Bearer authentication for FastAPI: a dependency that gives the caller, and what must be said once per app."""

# Annotations stay real objects: FastAPI reads them off an instance, which has no module to look names up in.

from collections.abc import Collection

from fastapi.openapi.models import HTTPBearer
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

from paseport.bearer import VerifiesTokens, authenticate
from paseport.principal import Principal
from paseport.requirements import require_roles, require_scopes, roles_of, scopes_of
from paseport.starlette import answer_refusals, running

__all__ = ["Bearer", "answer_refusals", "running"]


class Bearer(SecurityBase):
    """Dependency: the caller, whose token is good, covers all of ``scopes`` and whose subject holds any of ``roles``.

    ``principal: Annotated[Principal, Depends(Bearer(verifier, scopes=("reports",)))]``. Scopes given with
    ``Security(bearer, scopes=[…])`` are required as well. Works for HTTP and WebSocket routes; several of them on one
    request cost one verification. The OpenAPI document shows it as a bearer scheme.

    FastAPI reads a request's body before it asks its dependencies: put ``paseport.asgi.BearerMiddleware`` in front
    where strangers shall not send one.
    """

    def __init__(
        self,
        verifier: VerifiesTokens,
        *,
        scopes: Collection[str] = (),
        roles: Collection[str] = (),
        scheme_name: str = "Bearer",
    ) -> None:
        """Configure it. ``TypeError`` for a single string, ``ValueError`` for a malformed scope or an empty name."""
        self.model = HTTPBearer(bearerFormat="PASETO v4.public", description="An access token of the Paseport issuer.")
        self.scheme_name = scheme_name
        self._verifier = verifier
        self._scopes = scopes_of(scopes) if scopes else ()
        self._roles = roles_of(roles) if roles else ()

    async def __call__(self, connection: HTTPConnection, security_scopes: SecurityScopes) -> Principal:
        """Return the caller, or raise an ``AuthError``."""
        principal = await authenticate(connection.scope, self._verifier)
        scopes = (*self._scopes, *(scope for scope in security_scopes.scopes if scope not in self._scopes))
        if scopes:
            require_scopes(principal, *scopes)
        if self._roles:
            require_roles(principal, *self._roles)
        return principal
