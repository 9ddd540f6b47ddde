"""The dashboard."""

from __future__ import annotations

from typing import Any

from litestar import Request
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.types import ASGIApp
from paseport_shared.domain.models.roles import ADMIN, USER
from paseport_shared.http.bearer import provide_principal, require_any_role
from paseport_shared.http.route import JsonAnswer, get_often

from paseport_api.handlers.schemas.dashboard import DashboardResponse
from paseport_api.use_cases.show_dashboard import ShowDashboard


def dashboard_handler(show_dashboard: ShowDashboard) -> HTTPRouteHandler:
    """Return the route. What it needs is bound here: dependencies would take a fifth of its time."""

    @get_often(
        "/api/dashboard",
        guards=[require_any_role(USER, ADMIN)],
        tags=["dashboard"],
        summary="Who am I, my sessions, the system",
        responses={200: ResponseSpec(DashboardResponse, generate_examples=False, description="The dashboard.")},
    )
    async def dashboard(request: Request[Any, Any, Any]) -> ASGIApp:
        """Needs role User or Admin. Admins see every figure of the system, others which service is up."""
        return JsonAnswer(DashboardResponse.of(await show_dashboard(provide_principal(request))))

    return dashboard
