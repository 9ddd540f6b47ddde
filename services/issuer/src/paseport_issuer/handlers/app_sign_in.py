"""The app's sign-in through the authorization endpoint (BFF): no token is ever in an address, a page or storage."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from paseport_shared.http.router import Router

from paseport_issuer.handlers.cookies import Cookies
from paseport_issuer.handlers.oauth_form import parse_parameters
from paseport_issuer.handlers.pages import page_exception_handlers, redirect, with_parameters
from paseport_issuer.handlers.paths import AUTHORIZE
from paseport_issuer.use_cases.caller import Caller
from paseport_issuer.use_cases.sign_in_app import AppCallback, SignInApp

Text = Annotated[str | None, QueryParameter()]


@get("/auth/v1/login")
async def begin_app_sign_in(
    request: Request[Any, Any, Any],
    sign_in_app: NamedDependency[SignInApp],
    jar: NamedDependency[Cookies],
    return_to: Text = None,
    login_hint: Text = None,
    reauthenticate: Annotated[bool, QueryParameter()] = False,
) -> Response[Any]:
    """Begin the app's sign-in. ``return_to`` is the path on which it goes on; ``reauthenticate``: ask again."""
    browser = jar.read_browser(request)
    begun = sign_in_app.begin(return_to, login_hint, browser, reauthenticate=reauthenticate)
    response = redirect(with_parameters(AUTHORIZE, dict(begun.parameters)))
    response.cookies.append(jar.browser(begun.browser))
    return response


@get("/auth/v1/callback")
async def complete_app_sign_in(
    request: Request[Any, Any, Any],
    sign_in_app: NamedDependency[SignInApp],
    jar: NamedDependency[Cookies],
    caller: NamedDependency[Caller],
) -> Response[Any]:
    """Redeem the app's code and go back to where the person was."""
    # By hand: the framework keeps the name of the parameter ``state`` for itself.
    answer = {name: values[0] for name, values in parse_parameters(request.scope["query_string"]).items()}
    signed_in = await sign_in_app.complete(
        AppCallback(
            answer.get("code"),
            answer.get("state"),
            answer.get("iss"),
            answer.get("error"),
            jar.read_browser(request),
            caller,
        )
    )
    response = redirect(signed_in.return_to)
    response.cookies.append(jar.refresh(signed_in.refresh_token))
    return response


app_sign_in_router = Router(
    "/",
    route_handlers=[begin_app_sign_in, complete_app_sign_in],
    exception_handlers=page_exception_handlers(),
    # For browsers on their way: there is nothing that a program could call.
    include_in_schema=False,
)
