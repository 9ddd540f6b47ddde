"""What the api asks about users on the internal port, besides what decisions need."""

from __future__ import annotations

from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from paseport_shared.domain.errors import NotFound

from paseport_issuer.handlers.internal import require_service_secret
from paseport_issuer.handlers.schemas.internal import InternalPrincipalResponse, UsernameRequest
from paseport_issuer.use_cases.resolve_username import ResolveUsername


@post("/internal/v1/usernames", guards=[require_service_secret], status_code=200)
async def resolve_username(
    data: JSONBody[UsernameRequest], resolve_name: NamedDependency[ResolveUsername]
) -> InternalPrincipalResponse:
    """Return whose user name this is: administrators explain rules by the names that people have."""
    state = await resolve_name.find(data.username)
    if state is None:
        raise NotFound("no such user")
    return InternalPrincipalResponse.of(state)
