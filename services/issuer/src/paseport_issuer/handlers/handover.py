"""``GET /auth/v1/handover``: the issuer's half of handing a sign-in over to a routed host."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from litestar import Request, Response, get
from litestar.di import NamedDependency
from paseport_shared.domain.errors import InvalidRequest
from paseport_shared.http.router import Router

from paseport_issuer.handlers.cookies import Cookies
from paseport_issuer.handlers.oauth_form import parse_parameters
from paseport_issuer.handlers.pages import page_exception_handlers, redirect, with_parameters
from paseport_issuer.use_cases.hand_over_session import HandOverCommand, HandOverSession
from paseport_issuer.use_cases.sign_in_app import HOME, MAX_RETURN, local_path

HANDOVER: Final = "/auth/v1/handover"
SIGN_IN: Final = "/auth/v1/login"
AT_HOST: Final = "/.paseport/handover"


@get(HANDOVER)
async def hand_over_session(
    request: Request[Any, Any, Any], hand_over: NamedDependency[HandOverSession], jar: NamedDependency[Cookies]
) -> Response[Any]:
    """Send the browser back to a routed host with a ticket, by way of a sign-in where nobody is signed in."""
    # By hand: what is repeated can be read in two ways, and is refused.
    parameters = parse_parameters(request.scope["query_string"])
    if any(len(values) > 1 for values in parameters.values()):
        raise InvalidRequest("a parameter is repeated")
    host, binding, asked = (parameters.get(name, [""])[0] for name in ("host", "binding", "return_to"))
    return_to = local_path(asked)
    ticket = await hand_over.begin(HandOverCommand(host, binding, jar.read_session(request)))
    if ticket is None:
        return redirect(with_parameters(SIGN_IN, {"return_to": _way_back(host, binding, return_to)}))
    scheme = "https" if jar.secure else "http"
    # The host is one of ours: `begin` has compared it with the list, and a port is digits alone.
    at_host = f"{scheme}://{host.lower()}{AT_HOST}"
    return redirect(with_parameters(at_host, {"ticket": ticket.id, "return_to": return_to}))


handover_router = Router(
    "/",
    route_handlers=[hand_over_session],
    exception_handlers=page_exception_handlers(),
    # For browsers on their way: there is nothing that a program could call.
    include_in_schema=False,
)


def _way_back(host: str, binding: str, return_to: str) -> str:
    """Return this address, to be led to after the sign-in; what is too long for that goes on at the host's home."""
    paths = (
        f"{HANDOVER}?{urlencode({'host': host, 'binding': binding, 'return_to': path})}" for path in (return_to, HOME)
    )
    return next(path for path in paths if len(path) <= MAX_RETURN)
