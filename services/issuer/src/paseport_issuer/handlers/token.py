"""The token endpoint and what belongs to it: revocation and introspection (RFC 6749 §3.2, RFC 7009, RFC 7662)."""

from __future__ import annotations

from typing import Any

from litestar import MediaType, Request, Response, post
from litestar.di import NamedDependency
from paseport.secret import Secret
from paseport_shared.domain.errors import UnauthorizedClient, UnsupportedGrantType
from paseport_shared.domain.models.client import Client, GrantType
from paseport_shared.http.openapi import DESCRIBES_REFUSALS
from paseport_shared.http.router import Router

from paseport_issuer.handlers.oauth_errors import REFUSED, oauth_exception_handlers
from paseport_issuer.handlers.oauth_form import OAuthForm, client_credentials, read_form
from paseport_issuer.handlers.schemas.oauth import ClientTokenResponse, IntrospectionResponse
from paseport_issuer.use_cases.authenticate_client import AuthenticateClient
from paseport_issuer.use_cases.caller import Caller
from paseport_issuer.use_cases.introspect_token import IntrospectToken
from paseport_issuer.use_cases.issue_machine_token import IssueMachineToken, MachineTokenCommand
from paseport_issuer.use_cases.redeem_code import RedeemCode, RedeemCodeCommand
from paseport_issuer.use_cases.refresh_tokens import RefreshCommand, RefreshTokens
from paseport_issuer.use_cases.revoke_token import RevokeToken, RevokeTokenCommand

_REFUSALS = {400: REFUSED, 401: REFUSED, 503: REFUSED}


@post("/token", status_code=200, responses=_REFUSALS)
async def token(
    request: Request[Any, Any, Any],
    authenticate_client: NamedDependency[AuthenticateClient],
    redeem_code: NamedDependency[RedeemCode],
    refresh: NamedDependency[RefreshTokens],
    machine_token: NamedDependency[IssueMachineToken],
    caller: NamedDependency[Caller],
) -> Response[ClientTokenResponse]:
    """Exchange a grant for tokens: ``authorization_code``, ``refresh_token``, ``client_credentials``."""
    form = await read_form(request)
    grant_type = form.get("grant_type")
    client = await authenticate_client(client_credentials(request, form))
    match grant_type:
        case GrantType.AUTHORIZATION_CODE.value:
            answer = await _redeem(redeem_code, form, client, caller)
        case GrantType.REFRESH_TOKEN.value:
            answer = await _refresh(refresh, form, client, caller)
        case GrantType.CLIENT_CREDENTIALS.value:
            command = MachineTokenCommand(client, form.find("scope"), form.all("resource"))
            answer = ClientTokenResponse.of(await machine_token(command), None, None)
        case _:
            raise UnsupportedGrantType("unknown grant type")
    return Response(answer, headers={"Cache-Control": "no-store", "Pragma": "no-cache"})


@post("/revoke", status_code=200, responses=_REFUSALS)
async def revoke(
    request: Request[Any, Any, Any],
    authenticate_client: NamedDependency[AuthenticateClient],
    revoke_token: NamedDependency[RevokeToken],
    caller: NamedDependency[Caller],
) -> Response[bytes]:
    """End a token that the client no longer needs."""
    form = await read_form(request)
    client = await authenticate_client(client_credentials(request, form))
    await revoke_token(RevokeTokenCommand(Secret(form.get("token")), client, caller))
    return Response(b"", media_type=MediaType.TEXT)


@post("/introspect", status_code=200, responses=_REFUSALS)
async def introspect(
    request: Request[Any, Any, Any],
    authenticate_client: NamedDependency[AuthenticateClient],
    introspect_token: NamedDependency[IntrospectToken],
    issuer: NamedDependency[str],
) -> Response[IntrospectionResponse]:
    """Say what a token is worth now."""
    form = await read_form(request)
    client = await authenticate_client(client_credentials(request, form))
    found = await introspect_token(Secret(form.get("token")), client)
    return Response(IntrospectionResponse.of(found, issuer), headers={"Cache-Control": "no-store"})


async def _redeem(redeem: RedeemCode, form: OAuthForm, client: Client, caller: Caller) -> ClientTokenResponse:
    command = RedeemCodeCommand(
        Secret(form.get("code")), form.find("redirect_uri"), form.find("code_verifier"), client, caller
    )
    tokens = await redeem(command)
    return ClientTokenResponse.of(tokens.access_token, tokens.refresh_token, tokens.id_token)


async def _refresh(refresh: RefreshTokens, form: OAuthForm, client: Client, caller: Caller) -> ClientTokenResponse:
    if not client.may_use(GrantType.REFRESH_TOKEN):
        raise UnauthorizedClient("the client is not registered for refreshing")
    command = RefreshCommand(Secret(form.get("refresh_token")), client, caller, form.find("scope"))
    issued = await refresh(command)
    return ClientTokenResponse.of(issued.access_token, issued.refresh_token, None)


oauth_router = Router(
    "/oauth2",
    route_handlers=[token, revoke, introspect],
    exception_handlers=oauth_exception_handlers(),
    opt={DESCRIBES_REFUSALS: True},
)
