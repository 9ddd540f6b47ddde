"""Reading authorization requests: what is malformed, and what a client may not have (RFC 6749 §4.1.1).

Nothing here looks at who is signed in. Until client and redirect URI are known to belong together, whatever is wrong is
told to the person in front of the browser; from then on to the client.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from paseport_shared.domain.errors import AuthorizationRefused, InvalidScope, InvalidTarget, RequestNotForClient
from paseport_shared.domain.models import pkce
from paseport_shared.domain.models.authorization import AuthorizationRequest, Prompt, ResponseMode
from paseport_shared.domain.models.client import OFFLINE_ACCESS, OPENID, Client, GrantType
from paseport_shared.domain.models.redirect_uri import find_registered
from paseport_shared.domain.ports.id_token_reader import IdTokenReader

from paseport_issuer.use_cases.find_client import FindClient
from paseport_issuer.use_cases.requested_access import audience_of, scope_of

MAX_STATE: Final = 2_048
MAX_NONCE: Final = 512
MAX_AGE: Final = 10 * 365 * 86_400

Parameters = Mapping[str, Sequence[str]]
"""Every parameter with its values, in their order."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who is told how a request ends: a client, at one of its own redirect URIs."""

    client: Client
    redirect_uri: str
    response_mode: ResponseMode
    state: str | None


class CheckAuthorizationRequest:
    """Checks authorization requests."""

    def __init__(self, issuer: str, find_client: FindClient, id_tokens: IdTokenReader) -> None:
        self._issuer = issuer
        self._find_client = find_client
        self._id_tokens = id_tokens

    async def recipient(self, parameters: Parameters) -> Recipient:
        """Return whose request it is. Raises ``RequestNotForClient`` (AZ-01, AZ-02) and ``Unavailable``."""
        client_id, redirect_uri = _only(parameters, "client_id"), _only(parameters, "redirect_uri")
        if client_id is None or redirect_uri is None:
            raise RequestNotForClient("client_id or redirect_uri is missing or repeated")
        client = await self._find_client(client_id)
        if client is None or client.disabled:
            raise RequestNotForClient("the client is unknown or disabled")
        if find_registered(client, redirect_uri) is None:
            raise RequestNotForClient(f"client {client.client_id} has no such redirect URI")
        # Of a repeated parameter nobody can say which one is meant.
        mode = _only(parameters, "response_mode")
        state = _only(parameters, "state")
        return Recipient(
            client,
            redirect_uri,
            ResponseMode.FORM_POST if mode == ResponseMode.FORM_POST.value else ResponseMode.QUERY,
            state if state is not None and len(state) <= MAX_STATE else None,
        )

    async def __call__(self, recipient: Recipient, parameters: Parameters) -> AuthorizationRequest:
        """Return the request once all of it is acceptable. Raises ``AuthorizationRefused`` and ``Unavailable``."""
        client = recipient.client
        _check_form(parameters)
        _check_flow(client, parameters)
        challenge = _challenge_of(client, parameters)
        try:
            scope = scope_of(client, _only(parameters, "scope"))
            audience = audience_of(client, self._issuer, parameters.get("resource", ()))
        except (InvalidScope, InvalidTarget) as error:
            raise AuthorizationRefused(error.code, error.reason) from error
        return AuthorizationRequest(
            client_id=client.client_id,
            redirect_uri=recipient.redirect_uri,
            scope=_without_useless_offline_access(scope, client),
            audience=audience,
            state=recipient.state,
            nonce=_only(parameters, "nonce"),
            code_challenge=challenge,
            response_mode=recipient.response_mode,
            prompt=_prompt_of(parameters),
            max_age=_max_age_of(parameters),
            login_hint=_only(parameters, "login_hint"),
            hinted_subject=await self._hinted_subject(parameters),
        )

    async def _hinted_subject(self, parameters: Parameters) -> str | None:
        hint = _only(parameters, "id_token_hint")
        if hint is None:
            return None
        known = await self._id_tokens.read_hint(hint)
        if known is None:
            raise AuthorizationRefused("invalid_request", "id_token_hint was not issued here")
        return known.subject


def _only(parameters: Parameters, name: str) -> str | None:
    """Return the value of a parameter that stands there once. One without a value was left out (RFC 6749 §3.1)."""
    values = parameters.get(name, ())
    return values[0] if len(values) == 1 and values[0] else None


def _check_form(parameters: Parameters) -> None:
    for name, values in parameters.items():
        # RFC 8707 §2 lets ``resource`` be repeated; we then refuse it by its own name.
        if len(values) > 1 and name != "resource":
            raise AuthorizationRefused("invalid_request", "a parameter is repeated")
    for name, longest in (("state", MAX_STATE), ("nonce", MAX_NONCE)):
        if len(_only(parameters, name) or "") > longest:
            raise AuthorizationRefused("invalid_request", f"{name} is longer than {longest} characters")
    if _only(parameters, "request") is not None:
        raise AuthorizationRefused("request_not_supported", "request objects are not supported")
    if _only(parameters, "request_uri") is not None:
        raise AuthorizationRefused("request_uri_not_supported", "request_uri is not supported")
    mode = _only(parameters, "response_mode")
    if mode is not None and mode not in {known.value for known in ResponseMode}:
        raise AuthorizationRefused("invalid_request", "response_mode is query or form_post")


def _check_flow(client: Client, parameters: Parameters) -> None:
    response_type = _only(parameters, "response_type")
    if response_type is None:
        raise AuthorizationRefused("invalid_request", "response_type is missing")
    if response_type != "code":
        raise AuthorizationRefused("unsupported_response_type", "response_type is code")
    if not client.may_use(GrantType.AUTHORIZATION_CODE):
        raise AuthorizationRefused("unauthorized_client", "the client is not registered for authorization codes")


def _challenge_of(client: Client, parameters: Parameters) -> str | None:
    challenge, method = _only(parameters, "code_challenge"), _only(parameters, "code_challenge_method")
    if challenge is None:
        if method is not None:
            raise AuthorizationRefused("invalid_request", "code_challenge is missing")
        if client.is_public or client.require_pkce:
            raise AuthorizationRefused("invalid_request", "code_challenge is required (PKCE, S256)")
        if _only(parameters, "nonce") is None:
            # What PKCE does for OAuth, the nonce does for OpenID Connect (OAuth 2.1 §7.5.1). One of them must.
            raise AuthorizationRefused("invalid_request", "code_challenge or nonce is required")
        return None
    if method != pkce.METHOD or not pkce.is_challenge(challenge):
        raise AuthorizationRefused("invalid_request", "code_challenge is one of method S256")
    return challenge


def _without_useless_offline_access(scope: tuple[str, ...], client: Client) -> tuple[str, ...]:
    """Leave ``offline_access`` out where the client may not refresh, or is no OpenID request (OIDC Core §11)."""
    if OPENID in scope and client.may_use(GrantType.REFRESH_TOKEN):
        return scope
    return tuple(name for name in scope if name != OFFLINE_ACCESS)


def _prompt_of(parameters: Parameters) -> frozenset[Prompt]:
    text = _only(parameters, "prompt")
    if text is None:
        return frozenset()
    try:
        prompt = frozenset(Prompt(word) for word in text.split(" ") if word)
    except ValueError as error:
        raise AuthorizationRefused("invalid_request", "prompt has an unknown value") from error
    if Prompt.NONE in prompt and len(prompt) > 1:
        raise AuthorizationRefused("invalid_request", "prompt=none stands alone")
    return prompt


def _max_age_of(parameters: Parameters) -> int | None:
    text = _only(parameters, "max_age")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= MAX_AGE):
        raise AuthorizationRefused("invalid_request", "max_age is a number of seconds")
    return int(text)
