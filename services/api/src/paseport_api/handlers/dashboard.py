"""The caller's dashboard."""

from __future__ import annotations

from litestar import get
from litestar.di import NamedDependency
from paseport_shared.domain.models.principal import Principal
from paseport_shared.domain.models.roles import ADMIN, USER
from paseport_shared.http.bearer import require_any_role

from paseport_api.handlers.schemas.dashboard import DashboardResponse
from paseport_api.use_cases.show_dashboard import ShowDashboard


@get(
    "/api/dashboard",
    guards=[require_any_role(USER, ADMIN)],
    tags=["dashboard"],
    summary="Who am I, my sessions, the system",
)
async def dashboard(
    principal: NamedDependency[Principal], show_dashboard: NamedDependency[ShowDashboard]
) -> DashboardResponse:
    """Needs role User or Admin. Admins see every figure of the system, others which service is up."""
    return DashboardResponse.of(await show_dashboard(principal))
