"""Sign-in, refresh, sign-out and password reset for the app in the browser (design §4)."""

from __future__ import annotations

from typing import Annotated, Any, Final

from litestar import Request, Response, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody, QueryParameter
from paseport.secret import Secret
from paseport_shared.domain.errors import AuthenticationRequired, InvalidRequest
from paseport_shared.domain.models.client import Client
from paseport_shared.http.client_address import client_address
from paseport_shared.http.origin import refuse_foreign_origin, require_own_origin

from paseport_issuer.handlers.cookies import Cookies
from paseport_issuer.handlers.paths import continue_path
from paseport_issuer.handlers.schemas.login import Continuation, LocalLoginRequest, PasswordResetRequest, TokenResponse
from paseport_issuer.use_cases.caller import Caller
from paseport_issuer.use_cases.end_session import EndSession, EndSessionCommand
from paseport_issuer.use_cases.leave_upstream import LeaveUpstream
from paseport_issuer.use_cases.limit_attempts import LimitAttempts
from paseport_issuer.use_cases.login_local import LoginLocal, LoginLocalCommand, SignedIn, TransactionOfBrowser
from paseport_issuer.use_cases.redeem_password_reset import RedeemPasswordReset, RedeemResetCommand
from paseport_issuer.use_cases.refresh_tokens import RefreshCommand, RefreshTokens
from paseport_issuer.use_cases.sign_in_transactions import SignInTransactions

Connection = ASGIConnection[Any, Any, Any, Any]
_SIGNED_OUT: Final = ResponseSpec(None, description="Signed out, and there is nowhere to go on.")


async def count_attempt(connection: Connection, _: BaseRouteHandler) -> None:
    """Guard: count a try from this address before the body is read, so that junk counts too (LG-03)."""
    limits: LimitAttempts = connection.app.state.limit_attempts
    await limits.from_address(client_address(connection))


@post("/auth/v1/login/local", guards=[require_own_origin, count_attempt], status_code=200)
async def login_local(
    request: Request[Any, Any, Any],
    data: JSONBody[LocalLoginRequest],
    login: NamedDependency[LoginLocal],
    browsers: NamedDependency[SignInTransactions],
    jar: NamedDependency[Cookies],
    caller: NamedDependency[Caller],
) -> Response[TokenResponse | Continuation]:
    """Sign in with a user name or an e-mail address and a password; the refresh token is set as a cookie.

    Inside a sign-in transaction there are no tokens yet: the answer says where the browser goes on.
    """
    waiting = None
    if data.transaction is not None:
        waiting = TransactionOfBrowser(data.transaction, jar.read_browser(request), data.link)
    elif data.link is not None:
        raise InvalidRequest("a link waits in a transaction")
    command = LoginLocalCommand(data.username, Secret(data.password), caller, jar.read_session(request), waiting)
    signed_in = await login(command)
    if isinstance(signed_in, SignedIn):
        return Response(Continuation(continue_path(signed_in.transaction_id)), cookies=[jar.session(signed_in.cookie)])
    # Sign-ins that are begun in this browser later, by several tabs at once perhaps, find the secret there.
    browser = browsers.browser(jar.read_browser(request))
    set_cookies = [jar.refresh(signed_in.refresh_token), jar.browser(browser)]
    if signed_in.session_cookie is not None:
        set_cookies.append(jar.session(signed_in.session_cookie))
    return Response(TokenResponse.of(signed_in.access_token), cookies=set_cookies)


def refresh_handler(refresh: RefreshTokens, client: Client, jar: Cookies) -> HTTPRouteHandler:
    """Return the handler that every open page of the app asks again and again.

    What is the same in every request is bound here: the framework would run a task for each thing that it injects.
    """

    @post("/auth/v1/refresh", guards=[require_own_origin], status_code=200)
    async def refresh_tokens(
        request: Request[Any, Any, Any], caller: NamedDependency[Caller]
    ) -> Response[TokenResponse]:
        """Rotate the refresh token of the cookie. A refusal never clears a cookie: another tab may just have set it."""
        token = jar.read_refresh(request)
        if token is None:
            raise AuthenticationRequired("no refresh cookie")
        issued = await refresh(RefreshCommand(token, client, caller))
        return Response(TokenResponse.of(issued.access_token), cookies=[jar.refresh(issued.refresh_token)])

    return refresh_tokens


@post("/auth/v1/logout", guards=[require_own_origin], status_code=200, responses={204: _SIGNED_OUT})
async def logout(
    request: Request[Any, Any, Any],
    end_session: NamedDependency[EndSession],
    app_client: NamedDependency[Client],
    jar: NamedDependency[Cookies],
    caller: NamedDependency[Caller],
    leave_upstream: NamedDependency[LeaveUpstream],
    all_sessions: Annotated[bool, QueryParameter(name="all")] = False,
) -> Response[Continuation | None]:
    """Sign out this browser, or with ``all=true`` every device of its user.

    Answers 204, or where the browser can end its session at the identity provider too.
    """
    upstream = await end_session(
        EndSessionCommand(
            jar.read_session(request),
            jar.read_refresh(request),
            everywhere=all_sessions,
            client=app_client,
            caller=caller,
        )
    )
    way_on = await leave_upstream(upstream)
    if way_on is None:
        return Response(None, status_code=204, cookies=jar.cleared())
    return Response(Continuation(way_on), cookies=jar.cleared())


# A foreign page could otherwise spend its visitors' tries, which are those of signing in.
@post("/auth/v1/password/reset", guards=[refuse_foreign_origin, count_attempt], status_code=204)
async def redeem_password_reset(
    data: JSONBody[PasswordResetRequest], redeem: NamedDependency[RedeemPasswordReset], caller: NamedDependency[Caller]
) -> None:
    """Set a new password through a one-time link. It signs out every device of its user."""
    await redeem(RedeemResetCommand(Secret(data.token), Secret(data.password), caller))
