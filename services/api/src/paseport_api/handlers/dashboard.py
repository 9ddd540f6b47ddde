"""The caller's dashboard."""

from __future__ import annotations

from typing import Any

from litestar import Request, get
from litestar.di import NamedDependency
from paseport_shared.domain.models.roles import ADMIN, USER
from paseport_shared.http.bearer import provide_principal, require_any_role

from paseport_api.handlers.schemas.dashboard import DashboardResponse
from paseport_api.use_cases.show_dashboard import ShowDashboard


@get(
    "/api/dashboard",
    guards=[require_any_role(USER, ADMIN)],
    tags=["dashboard"],
    summary="Who am I, my sessions, the system",
)
async def dashboard(
    request: Request[Any, Any, Any], show_dashboard: NamedDependency[ShowDashboard]
) -> DashboardResponse:
    """Needs role User or Admin. Admins see every figure of the system, others which service is up."""
    # Not a second dependency: Litestar resolves two of them in a task group, a quarter of this route's time.
    return DashboardResponse.of(await show_dashboard(provide_principal(request)))
