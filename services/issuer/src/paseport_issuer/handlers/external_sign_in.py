"""The way to an identity provider and back (OIDC Core §3.1.2), and linking accounts."""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import urlencode

from litestar import MediaType, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from paseport_shared.domain.errors import AuthError, InvalidRequest
from paseport_shared.domain.models.identifiers import is_id128
from paseport_shared.http.bearer import require_scope
from paseport_shared.http.client_address import client_address
from paseport_shared.http.origin import require_own_origin
from paseport_shared.http.router import Router

from paseport_issuer.handlers.authorize import cookies_of, step
from paseport_issuer.handlers.cookies import Cookies
from paseport_issuer.handlers.oauth_errors import REFUSED, oauth_exception_handlers
from paseport_issuer.handlers.oauth_form import is_form, parse_parameters, read_form
from paseport_issuer.handlers.pages import WayOn, page_exception_handlers, problem_page, redirect
from paseport_issuer.handlers.paths import (
    ACCOUNT_PAGE,
    continue_path,
    link_path,
    linked_path,
    sign_in_path,
)
from paseport_issuer.handlers.schemas.external_sign_in import (
    LinkRequest,
    PendingLinkResponse,
    SignInOptionsResponse,
)
from paseport_issuer.handlers.schemas.login import Continuation
from paseport_issuer.use_cases.account_holder import AccountHolder
from paseport_issuer.use_cases.authorize import Authorize, SignInNeeded
from paseport_issuer.use_cases.begin_external_sign_in import (
    CALLBACK,
    BeginExternalSignIn,
    BeginExternalSignInCommand,
    BeginLinkingCommand,
)
from paseport_issuer.use_cases.caller import Caller
from paseport_issuer.use_cases.complete_external_sign_in import (
    CompleteExternalSignIn,
    ExternalCallback,
    ExternallySignedIn,
    IdentityLinked,
    ProofNeeded,
)
from paseport_issuer.use_cases.end_upstream_sessions import EndUpstreamSessions
from paseport_issuer.use_cases.find_provider import FindProvider
from paseport_issuer.use_cases.pending_links import PendingLinks
from paseport_issuer.use_cases.sign_in_app import SignInApp

MAX_ANSWER: Final = 6_000
"""How long the query of an answer may be that came as a POST: it becomes part of an address."""
_ANSWER: Final = ("code", "state", "iss", "error")
"""What is read of an answer (RFC 6749 §4.1.2, RFC 9207 §2). ``error_description`` is nobody's but its writer's."""
_ANOTHER_WAY: Final = "Choose another way to sign in"
_TO_ACCOUNT: Final = "Back to your account"

Text = Annotated[str | None, QueryParameter()]


@get("/auth/v1/oauth/init")
async def begin_external_sign_in(
    request: Request[Any, Any, Any],
    external_sign_in: NamedDependency[BeginExternalSignIn],
    sign_in_app: NamedDependency[SignInApp],
    authorization: NamedDependency[Authorize],
    jar: NamedDependency[Cookies],
    provider: Text = None,
    transaction: Text = None,
    return_to: Text = None,
) -> Response[Any]:
    """Go to an identity provider. Where no transaction waits for it, the app's own sign-in is begun first."""
    browser, begun_in = jar.read_browser(request), None
    if transaction is None:
        begun = sign_in_app.begin(return_to, None, browser)
        parameters = {name: [value] for name, value in begun.parameters}
        cookies = cookies_of(request, jar, begun.browser)
        outcome = await authorization(parameters, cookies)
        if not isinstance(outcome, SignInNeeded):
            # Somebody is signed in already.
            return step(outcome, jar)
        transaction, browser = outcome.transaction.id, outcome.browser
        begun_in = browser
    try:
        at_provider = await external_sign_in(
            BeginExternalSignInCommand(provider or None, transaction, browser, client_address(request))
        )
    except AuthError as error:
        # Only what can be a transaction: nothing else that stands in the address is repeated on a page.
        way_on = WayOn(sign_in_path(transaction), _ANOTHER_WAY) if is_id128(transaction) else None
        response = problem_page(request, error, way_on)
        if begun_in is not None:
            # Without it the transaction that was just begun could not go on in this browser.
            response.cookies.append(jar.browser(begun_in))
        return response
    response = redirect(at_provider.url)
    response.cookies.append(jar.browser(at_provider.browser))
    return response


@get(CALLBACK)
async def complete_shared_external_sign_in(
    request: Request[Any, Any, Any],
    external_callback: NamedDependency[CompleteExternalSignIn],
    jar: NamedDependency[Cookies],
    caller: NamedDependency[Caller],
) -> Response[Any]:
    """Take the answer of a provider that names itself in it (RFC 9207)."""
    return await _complete(request, external_callback, jar, caller, provider=None)


@get(f"{CALLBACK}/{{provider:str}}")
async def complete_external_sign_in(
    request: Request[Any, Any, Any],
    provider: FromPath[str],
    external_callback: NamedDependency[CompleteExternalSignIn],
    jar: NamedDependency[Cookies],
    caller: NamedDependency[Caller],
) -> Response[Any]:
    """Take a provider's answer, once, in the browser that asked for it."""
    return await _complete(request, external_callback, jar, caller, provider=provider)


@post(CALLBACK, status_code=303)
async def shared_external_answer_by_post(request: Request[Any, Any, Any]) -> Response[Any]:
    """Take the answer of a provider that names itself in it, as a form."""
    return await _go_on(request)


@post(f"{CALLBACK}/{{provider:str}}", status_code=303)
async def external_answer_by_post(request: Request[Any, Any, Any], provider: FromPath[str]) -> Response[Any]:
    """Take an answer that a provider sends as a form (Form Post Response Mode §2)."""
    return await _go_on(request)


external_sign_in_router = Router(
    "/",
    route_handlers=[
        begin_external_sign_in,
        complete_shared_external_sign_in,
        complete_external_sign_in,
        shared_external_answer_by_post,
        external_answer_by_post,
    ],
    exception_handlers=page_exception_handlers(),
    # For browsers on their way: there is nothing that a program could call.
    include_in_schema=False,
)


@get("/auth/v1/sign-in-options")
async def sign_in_options(find_provider: NamedDependency[FindProvider]) -> SignInOptionsResponse:
    """Say through whom people may sign in. Everybody may ask: it is what stands on the sign-in page."""
    return SignInOptionsResponse.of(await find_provider.enabled())


@get("/auth/v1/oauth/pending-links/{pending_id:str}")
async def show_pending_link(
    request: Request[Any, Any, Any],
    pending_id: FromPath[str],
    pending_links: NamedDependency[PendingLinks],
    jar: NamedDependency[Cookies],
) -> PendingLinkResponse:
    """Say what waits for a proof, to the browser in which it does."""
    return PendingLinkResponse.of(await pending_links.show(pending_id, jar.read_browser(request)))


@post("/auth/v1/oauth/link", guards=[require_own_origin, require_scope("account")], status_code=200)
async def begin_linking(
    request: Request[Any, Any, Any],
    data: JSONBody[LinkRequest],
    external_sign_in: NamedDependency[BeginExternalSignIn],
    holder: NamedDependency[AccountHolder],
    jar: NamedDependency[Cookies],
) -> Response[Continuation]:
    """Begin to link an account at a provider to your own. Only a fresh sign-in may."""
    at_provider = await external_sign_in.to_link(
        BeginLinkingCommand(data.provider, holder, jar.read_browser(request), client_address(request))
    )
    return Response(Continuation(at_provider.url), cookies=[jar.browser(at_provider.browser)])


@post(
    "/auth/v1/oauth/backchannel-logout/{provider:str}",
    status_code=200,
    exception_handlers=oauth_exception_handlers(),
    responses={400: REFUSED, 429: REFUSED, 503: REFUSED},
)
async def end_upstream_sessions(
    request: Request[Any, Any, Any],
    provider: FromPath[str],
    upstream_logout: NamedDependency[EndUpstreamSessions],
    caller: NamedDependency[Caller],
) -> Response[bytes]:
    """Take a logout token of a provider (OpenID Connect Back-Channel Logout §2.5, §2.8)."""
    form = await read_form(request)
    await upstream_logout(provider, form.get("logout_token"), caller)
    return Response(b"", media_type=MediaType.TEXT, headers={"Cache-Control": "no-store"})


async def _complete(
    request: Request[Any, Any, Any],
    external_callback: CompleteExternalSignIn,
    jar: Cookies,
    caller: Caller,
    *,
    provider: str | None,
) -> Response[Any]:
    # By hand: the framework keeps the name of the parameter ``state`` for itself.
    answer = _read_answer(request.scope["query_string"])
    outcome = await external_callback(
        ExternalCallback(
            provider=provider,
            state=answer.get("state"),
            code=answer.get("code"),
            error=answer.get("error"),
            issuer=answer.get("iss"),
            browser=jar.read_browser(request),
            session=jar.read_session(request),
            caller=caller,
        )
    )
    match outcome:
        case ExternallySignedIn(transaction_id, cookie):
            response = redirect(continue_path(transaction_id))
            response.cookies.append(jar.session(cookie))
        case ProofNeeded(pending):
            response = redirect(link_path(pending.id))
        case IdentityLinked(name, cookie):
            response = redirect(linked_path(name))
            if cookie is not None:
                response.cookies.append(jar.session(cookie))
        case stopped:
            way_on = (
                WayOn(ACCOUNT_PAGE, _TO_ACCOUNT)
                if stopped.transaction_id is None
                else WayOn(sign_in_path(stopped.transaction_id), _ANOTHER_WAY)
            )
            return problem_page(request, stopped.error, way_on)
    return response


async def _go_on(request: Request[Any, Any, Any]) -> Response[Any]:
    """Turn a form into a GET.

    It comes from another site, so the browser sends no cookie along and the form proves nothing.
    """
    if not is_form(request):
        raise InvalidRequest("the body is no form")
    query = urlencode(_read_answer(await request.body()))
    if len(query) > MAX_ANSWER:
        raise InvalidRequest("the answer is too long")
    path = request.scope["path"]
    return redirect(f"{path}?{query}" if query else path)


def _read_answer(text: bytes) -> dict[str, str]:
    """Return the parts of an answer that count. Raises ``InvalidRequest`` where one of them is repeated."""
    parameters = parse_parameters(text)
    if any(len(parameters.get(name, ())) > 1 for name in _ANSWER):
        raise InvalidRequest("a part of the answer is repeated")
    return {name: parameters[name][0] for name in _ANSWER if parameters.get(name, [""])[0]}
