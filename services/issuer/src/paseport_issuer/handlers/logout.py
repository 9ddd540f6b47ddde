"""Signing out at a client's request (OpenID Connect RP-Initiated Logout 1.0)."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from paseport_shared.domain.errors import InvalidRequest
from paseport_shared.http.origin import require_own_origin
from paseport_shared.http.router import Router

from paseport_issuer.handlers.authorize import cookies_of
from paseport_issuer.handlers.cookies import Cookies
from paseport_issuer.handlers.oauth_form import parse_parameters, read_form
from paseport_issuer.handlers.pages import page_exception_handlers, redirect, with_parameters
from paseport_issuer.handlers.paths import LOGOUT, SIGN_OUT_PAGE, SIGNED_OUT_PAGE
from paseport_issuer.handlers.schemas.login import Continuation
from paseport_issuer.handlers.schemas.oauth import LogoutConfirmation
from paseport_issuer.use_cases.caller import Caller
from paseport_issuer.use_cases.end_session_by_client import EndSessionByClient, LogoutRequest, SignedOut
from paseport_issuer.use_cases.leave_upstream import LeaveUpstream

_PARAMETERS: Final = ("id_token_hint", "client_id", "post_logout_redirect_uri", "state")


@get(LOGOUT)
async def end_session_by_client(
    request: Request[Any, Any, Any],
    logout_by_client: NamedDependency[EndSessionByClient],
    jar: NamedDependency[Cookies],
    caller: NamedDependency[Caller],
    leave_upstream: NamedDependency[LeaveUpstream],
) -> Response[Any]:
    """Sign out at a client's request, or ask the person first."""
    parameters = {
        name: values[0] for name, values in parse_parameters(request.scope["query_string"]).items() if values[0]
    }
    asked = {name: parameters.get(name) for name in _PARAMETERS}
    outcome = await logout_by_client(
        LogoutRequest(**asked, confirmed=False, cookies=cookies_of(request, jar), caller=caller)
    )
    if isinstance(outcome, SignedOut):
        response = redirect(await _way_on(outcome, leave_upstream))
        response.cookies.extend(jar.cleared())
        return response
    return redirect(with_parameters(SIGN_OUT_PAGE, {name: value for name, value in asked.items() if value}))


@post(LOGOUT, status_code=303)
async def end_session_by_client_post(request: Request[Any, Any, Any]) -> Response[Any]:
    """Go on as a GET: the form comes from another site, so the browser sends no cookie along."""
    form = await read_form(request)
    query = {name: value for name in _PARAMETERS if (value := form.find(name)) is not None}
    return redirect(f"{LOGOUT}?{urlencode(query)}" if query else LOGOUT)


logout_router = Router(
    "/",
    route_handlers=[end_session_by_client, end_session_by_client_post],
    exception_handlers=page_exception_handlers(),
    # For browsers on their way: there is nothing that a program could call.
    include_in_schema=False,
)


@post("/auth/v1/logout/confirm", guards=[require_own_origin], status_code=200)
async def confirm_logout(
    request: Request[Any, Any, Any],
    data: JSONBody[LogoutConfirmation],
    logout_by_client: NamedDependency[EndSessionByClient],
    jar: NamedDependency[Cookies],
    caller: NamedDependency[Caller],
    leave_upstream: NamedDependency[LeaveUpstream],
) -> Response[Continuation]:
    """Sign out, as the person in front of the browser has confirmed."""
    outcome = await logout_by_client(
        LogoutRequest(
            data.id_token_hint,
            data.client_id,
            data.post_logout_redirect_uri,
            data.state,
            confirmed=True,
            cookies=cookies_of(request, jar),
            caller=caller,
        )
    )
    if not isinstance(outcome, SignedOut):
        raise InvalidRequest("a confirmed sign-out cannot need a confirmation")
    return Response(Continuation(await _way_on(outcome, leave_upstream)), cookies=jar.cleared())


async def _way_on(outcome: SignedOut, leave_upstream: LeaveUpstream) -> str:
    if outcome.redirect_uri is None:
        return await leave_upstream(outcome.upstream) or SIGNED_OUT_PAGE
    return with_parameters(outcome.redirect_uri, {} if outcome.state is None else {"state": outcome.state})
