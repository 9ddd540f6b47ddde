"""The authorization endpoint and the steps that a browser takes from there (RFC 6749 §3.1, OIDC Core §3.1.2)."""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import urlencode, urlsplit

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from paseport.secret import Secret
from paseport_shared.domain.errors import InvalidRequest
from paseport_shared.domain.models.authorization import AuthorizationResponse
from paseport_shared.http.client_address import client_address
from paseport_shared.http.origin import require_own_origin
from paseport_shared.http.router import Router

from paseport_issuer.handlers.cookies import Cookies
from paseport_issuer.handlers.oauth_form import is_form, parse_parameters
from paseport_issuer.handlers.pages import client_response, page_exception_handlers, redirect
from paseport_issuer.handlers.paths import AUTHORIZE, CONTINUE, consent_path, continue_path, sign_in_path
from paseport_issuer.handlers.schemas.login import Continuation
from paseport_issuer.handlers.schemas.oauth import ConsentRequest, TransactionResponse, WaitingClient
from paseport_issuer.use_cases.authorize import Authorize, BrowserCookies, ConsentNeeded, Outcome
from paseport_issuer.use_cases.caller import Caller
from paseport_issuer.use_cases.give_consent import ConsentCommand, GiveConsent
from paseport_issuer.use_cases.read_users import ReadUsers

MAX_REQUEST: Final = 6_000
"""How long the query of a request may be that came as a POST: it becomes part of an address."""
_PARAMETERS: Final = (
    *("response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "response_mode", "resource"),
    *("code_challenge", "code_challenge_method", "prompt", "max_age", "login_hint", "id_token_hint"),
    *("request", "request_uri"),
)
"""Those that are read, or refused (OIDC Core §3.1.2.1, RFC 7636 §4.3, RFC 8707 §2)."""


@get(AUTHORIZE)
async def authorize(
    request: Request[Any, Any, Any], authorization: NamedDependency[Authorize], jar: NamedDependency[Cookies]
) -> Response[Any]:
    """Begin a sign-in for a client."""
    parameters = parse_parameters(request.scope["query_string"])
    return step(await authorization(parameters, cookies_of(request, jar)), jar)


@post(AUTHORIZE, status_code=303)
async def authorize_by_post(request: Request[Any, Any, Any]) -> Response[Any]:
    """Begin a sign-in for a client that sends its request as a form.

    It comes from another site, so the browser sends no cookie along and the form proves nothing: it goes on as a GET.
    """
    if not is_form(request):
        raise InvalidRequest("the body is no form")
    parameters = parse_parameters(await request.body())
    # What is no parameter of this endpoint has no place in an address, whatever it is.
    query = urlencode([(name, value) for name in _PARAMETERS for value in parameters.get(name, ())])
    if len(query) > MAX_REQUEST:
        raise InvalidRequest("the request is too long")
    return redirect(f"{AUTHORIZE}?{query}")


@get(CONTINUE)
async def continue_authorization(
    request: Request[Any, Any, Any],
    transaction: Annotated[str, QueryParameter(name="transaction")],
    authorization: NamedDependency[Authorize],
    jar: NamedDependency[Cookies],
) -> Response[Any]:
    """Go on with a request that waited for a sign-in or a consent."""
    return step(await authorization.resume(transaction, cookies_of(request, jar)), jar)


authorization_router = Router(
    "/",
    route_handlers=[authorize, authorize_by_post, continue_authorization],
    exception_handlers=page_exception_handlers(),
    # For browsers on their way: there is nothing that a program could call.
    include_in_schema=False,
)


@get("/auth/v1/transactions/{transaction_id:str}")
async def show_transaction(
    request: Request[Any, Any, Any],
    transaction_id: FromPath[str],
    authorization: NamedDependency[Authorize],
    users: NamedDependency[ReadUsers],
    jar: NamedDependency[Cookies],
) -> TransactionResponse:
    """Say who waits for what, to the browser in which they do."""
    transaction, client, session = await authorization.who_waits(transaction_id, cookies_of(request, jar))
    username = None if session is None else (await users.one(session.user_id)).username
    return TransactionResponse(
        WaitingClient(client.client_id, client.name, client.first_party),
        list(transaction.request.scope),
        urlsplit(transaction.request.redirect_uri).hostname or "",
        transaction.request.login_hint,
        username,
    )


@post("/auth/v1/transactions/{transaction_id:str}/consent", guards=[require_own_origin], status_code=200)
async def give_consent(
    request: Request[Any, Any, Any],
    transaction_id: FromPath[str],
    data: JSONBody[ConsentRequest],
    consent: NamedDependency[GiveConsent],
    jar: NamedDependency[Cookies],
    caller: NamedDependency[Caller],
) -> Continuation:
    """Allow the client what it asks for, or not."""
    await consent(ConsentCommand(transaction_id, data.approve, cookies_of(request, jar), caller))
    return Continuation(continue_path(transaction_id))


def cookies_of(request: Request[Any, Any, Any], jar: Cookies, browser: Secret[str] | None = None) -> BrowserCookies:
    """Return what the browser holds; ``browser`` is the secret that it is given just now."""
    return BrowserCookies(jar.read_session(request), browser or jar.read_browser(request), client_address(request))


def step(outcome: Outcome, jar: Cookies) -> Response[Any]:
    """Return where the browser goes with what was decided about its request."""
    if isinstance(outcome, AuthorizationResponse):
        return client_response(outcome)
    page = consent_path if isinstance(outcome, ConsentNeeded) else sign_in_path
    response = redirect(page(outcome.transaction.id))
    response.cookies.append(jar.browser(outcome.browser))
    return response
