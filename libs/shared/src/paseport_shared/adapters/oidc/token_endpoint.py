"""Codes for tokens (RFC 6749 §4.1.3, OpenID Connect Core §3.1.3)."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote_plus

from paseport.secret import Secret

from paseport_shared.adapters.oidc.calls import ProviderCalls, read_answer
from paseport_shared.adapters.oidc.wire import Unreadable, read_object, shown
from paseport_shared.domain.errors import ProviderAnswerRefused, ProviderUnavailable
from paseport_shared.domain.models.client import ClientAuthMethod
from paseport_shared.domain.models.external_sign_in import ExternalSignIn
from paseport_shared.domain.models.identity_provider import IdentityProvider
from paseport_shared.domain.ports.outbound import OutboundAnswer

BAD_CODE: Final = frozenset({"invalid_grant", "bad_verification_code"})
"""What a provider says of a code that is none; the second one is GitHub's."""
BAD_CLIENT: Final = frozenset({"invalid_client", "incorrect_client_credentials"})
"""What a provider says where client id or secret are not right; the second one is GitHub's."""
UNAUTHORIZED: Final = 401
_WHAT: Final = "the token endpoint"
_WITH_ERRORS: Final = (200, 400, UNAUTHORIZED, 403)
"""GitHub answers errors with status 200."""
# What can stand behind `Bearer` (RFC 6750 §2.1), as a header can have it.
_ACCESS_TOKEN: Final = re.compile(r"[!-~]{1,16384}")
# Registered codes and those of real providers. Anything else might repeat what was sent, which is secret.
_ERROR: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_NO_CODE: Final = "an error without a code"


@dataclass(frozen=True, slots=True)
class UpstreamTokens:
    """What a provider gave for a code. Nothing of it is kept."""

    access_token: str = field(repr=False)
    id_token: str | None = field(repr=False)


async def ask_for_tokens(
    calls: ProviderCalls, url: str, provider: IdentityProvider, secret: Secret[str], *, form: dict[str, str]
) -> OutboundAnswer:
    """Send a token request as the client that the provider knows. Raises ``Unavailable``."""
    if provider.auth_method is ClientAuthMethod.POST:
        form = {**form, "client_id": provider.client_id, "client_secret": secret.reveal()}
        return await calls.post_form(url, form, {})
    # RFC 6749 §2.3.1 wants both encoded as in a form, which Authlib leaves out.
    pair = f"{quote_plus(provider.client_id)}:{quote_plus(secret.reveal())}"
    return await calls.post_form(url, form, {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"})


def code_grant(code: str, sign_in: ExternalSignIn) -> dict[str, str]:
    """Return the parameters with which a code is redeemed."""
    return {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": sign_in.redirect_uri,
        "code_verifier": sign_in.code_verifier,
    }


def read_tokens(answer: OutboundAnswer) -> UpstreamTokens:
    """Return the tokens of an answer.

    Raises ``ProviderAnswerRefused`` where the code is none, and ``ProviderUnavailable`` for every other error: it is
    about the client or the provider, and whoever signs in can do nothing about it.
    """
    error = read_error(answer)
    if error in BAD_CODE:
        raise ProviderAnswerRefused(f"{_WHAT} says {error}: the code is unknown, used, or another's")
    if error is not None:
        raise ProviderUnavailable(f"{_WHAT} says {error} (status {answer.status})")
    document = read_answer(answer, _WHAT)
    access_token = document.get("access_token")
    if not isinstance(access_token, str) or not _ACCESS_TOKEN.fullmatch(access_token):
        raise ProviderUnavailable(f"{_WHAT}: no access token")
    if str(document.get("token_type")).lower() != "bearer":
        raise ProviderUnavailable(f"{_WHAT}: the type of its token is {shown(document.get('token_type'))}")
    return UpstreamTokens(access_token, _read_id_token(document))


def read_error(answer: OutboundAnswer) -> str | None:
    """Return the error code of an answer (RFC 6749 §5.2), None where it has none. Its description is not looked at."""
    if answer.status not in _WITH_ERRORS:
        return None
    try:
        error = read_object(answer.body).get("error")
    except Unreadable:
        return None
    if not isinstance(error, str):
        return None
    return error if _ERROR.fullmatch(error) else _NO_CODE


def _read_id_token(document: dict[str, Any]) -> str | None:
    token = document.get("id_token")
    if not isinstance(token, str | None):
        raise ProviderUnavailable(f"{_WHAT}: the ID token is no text")
    return token
