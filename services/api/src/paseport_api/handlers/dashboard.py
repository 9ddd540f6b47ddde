"""The dashboard."""

from __future__ import annotations

from typing import Any

from litestar import Request
from litestar.handlers import HTTPRouteHandler
from paseport_shared.domain.models.roles import ADMIN, USER
from paseport_shared.http.bearer import provide_principal, require_any_role
from paseport_shared.http.route import get_often

from paseport_api.handlers.schemas.dashboard import DashboardResponse
from paseport_api.use_cases.show_dashboard import ShowDashboard


def dashboard_handler(show_dashboard: ShowDashboard) -> HTTPRouteHandler:
    """Return the route. What it needs is bound here: dependencies would take a fifth of its time."""

    @get_often(
        "/api/dashboard",
        guards=[require_any_role(USER, ADMIN)],
        tags=["dashboard"],
        summary="Who am I, my sessions, the system",
    )
    async def dashboard(request: Request[Any, Any, Any]) -> DashboardResponse:
        """Needs role User or Admin. Admins see every figure of the system, others which service is up."""
        return DashboardResponse.of(await show_dashboard(provide_principal(request)))

    return dashboard
