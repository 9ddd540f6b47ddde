"""What only admins see."""

from __future__ import annotations

from litestar import Router, get
from litestar.di import NamedDependency
from paseport_shared.domain.models.roles import ADMIN
from paseport_shared.http.bearer import require_role

from paseport_api.handlers.schemas.revocations import RevocationsResponse
from paseport_api.use_cases.show_revocations import ShowRevocations


@get("/revocations", summary="What is revoked now")
async def revocations(show_revocations: NamedDependency[ShowRevocations]) -> RevocationsResponse:
    """Where this process stands in the revocation feed and how many revocations of each kind are in force."""
    return RevocationsResponse.of(await show_revocations())


# The guard stands on the router: a route that is added here later cannot forget it.
admin_router = Router("/api/admin", guards=[require_role(ADMIN)], tags=["admin"], route_handlers=[revocations])
