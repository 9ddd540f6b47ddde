"""What only admins see."""

from __future__ import annotations

from litestar import get
from litestar.di import NamedDependency
from paseport_shared.domain.models.roles import ADMIN
from paseport_shared.http.bearer import require_role, require_scope
from paseport_shared.http.router import Router

from paseport_api.handlers.decisions import decisions
from paseport_api.handlers.schemas.revocations import RevocationsResponse
from paseport_api.use_cases.show_revocations import ShowRevocations


@get("/revocations", summary="What is revoked now")
async def revocations(show_revocations: NamedDependency[ShowRevocations]) -> RevocationsResponse:
    """Where this process stands in the revocation feed and how many revocations of each kind are in force."""
    return RevocationsResponse.of(await show_revocations())


# The guards stand on the router: a route that is added here later cannot forget them. The scope comes first, since a
# token is never worth more than it, whatever roles its subject has.
admin_router = Router(
    "/api/admin",
    guards=[require_scope("admin"), require_role(ADMIN)],
    tags=["admin"],
    route_handlers=[revocations, decisions],
)
