"""The claims of an ID token (OpenID Connect Core §3.1.3.7), once its signature is checked.

Authlib's ``CodeIDToken`` checks: that ``iss``, ``sub``, ``aud``, ``exp`` and ``iat`` are there; that ``iss`` is the
issuer and ``aud`` names the client, and both have their types; ``exp``, ``nbf``, and that ``iat`` is not to come,
within the leeway; that ``azp`` is there where there are other audiences, and is the client; the nonce.

Checked here is what it passes over: an ``azp`` that is empty, a ``sub`` that is empty or too long, the age of ``iat``,
``auth_time`` against ``max_age`` (also against 0, also where it is ``true``), and ``at_hash`` wherever there is one,
whatever the algorithm (XI-06).
"""

from __future__ import annotations

import hmac
import unicodedata
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped]  # Authlib ships no types
from authlib.oidc.core.util import create_half_hash  # type: ignore[import-untyped]  # as above
from joserfc.errors import JoseError

from paseport_shared.adapters.oidc.wire import read_time
from paseport_shared.domain.errors import ProviderAnswerRefused
from paseport_shared.domain.models.external_sign_in import ExternalSignIn

LEEWAY: Final = timedelta(seconds=60)
"""How far the provider's clock may be from ours."""
MAX_AGE: Final = timedelta(minutes=15)
"""How long ago a token may have been issued: it comes straight from the provider."""
MAX_TEXT: Final = 255
"""The longest ``sub`` (OIDC Core §2), and the longest name of a session."""
TYPES: Final = frozenset({"jwt"})
MAX_BYTES: Final = 192 * 1024


def check_id_token(
    claims: Mapping[str, Any],
    *,
    algorithm: str,
    issuer: str,
    client_id: str,
    sign_in: ExternalSignIn,
    access_token: str,
    now: datetime,
) -> None:
    """Return if the token says who signed in, here and now, in this sign-in. Raises ``ProviderAnswerRefused``."""
    _check_standard_claims(claims, algorithm, issuer, client_id, sign_in.nonce, now)
    check_party(claims, client_id)
    if not is_name(claims["sub"]):
        raise _refused("sub", "is empty, too long, or has control characters")
    issued_at = read_time(claims["iat"])
    if issued_at is None or issued_at < now - MAX_AGE:
        raise _refused("iat", "is too long ago")
    if "sid" in claims and not is_name(claims["sid"]):
        raise _refused("sid", "is no name of a session")
    _check_authentication(claims, sign_in.max_age, now)
    _check_access_token(claims, algorithm, access_token)


def check_party(claims: Mapping[str, Any], client_id: str) -> None:
    """Return if an ``azp`` that is there is the client. Raises ``ProviderAnswerRefused``."""
    if "azp" in claims and claims["azp"] != client_id:
        raise _refused("azp", "is another client")


def is_name(value: object) -> bool:
    """Say whether a claim can name somebody or something: 1 to 255 characters, none of which is a control."""
    return (
        isinstance(value, str)
        and 1 <= len(value) <= MAX_TEXT
        and not any(unicodedata.category(character)[0] == "C" for character in value)
    )


def _check_standard_claims(
    claims: Mapping[str, Any], algorithm: str, issuer: str, client_id: str, nonce: str, now: datetime
) -> None:
    token = CodeIDToken(
        claims,
        {"alg": algorithm},
        options={
            "iss": {"essential": True, "value": issuer},
            "sub": {"essential": True},
            "aud": {"essential": True, "value": client_id},
        },
        params={"client_id": client_id, "nonce": nonce},
    )
    try:
        token.validate(now=int(now.timestamp()), leeway=int(LEEWAY.total_seconds()))
    except JoseError as error:
        # Its messages name the claim, and no value.
        raise ProviderAnswerRefused(f"the ID token: {error}") from error


def _check_authentication(claims: Mapping[str, Any], max_age: int | None, now: datetime) -> None:
    """Check when the provider last asked for a credential (OIDC Core §3.1.2.1, §3.1.3.7 no. 13)."""
    if "auth_time" not in claims and max_age is None:
        return
    authenticated_at = read_time(claims.get("auth_time"))
    if authenticated_at is None:
        raise _refused("auth_time", "is missing, or no time")
    if authenticated_at > now + LEEWAY:
        raise _refused("auth_time", "is to come")
    if max_age is not None and authenticated_at + timedelta(seconds=max_age) + LEEWAY < now:
        raise _refused("auth_time", "is longer ago than was asked for")


def _check_access_token(claims: Mapping[str, Any], algorithm: str, access_token: str) -> None:
    """Check ``at_hash`` (OIDC Core §3.1.3.6). Without it nothing is lost: both tokens came in one answer over TLS."""
    if "at_hash" not in claims:
        return
    stated, computed = claims["at_hash"], create_half_hash(access_token, algorithm)
    if not isinstance(stated, str) or computed is None:
        raise _refused("at_hash", "cannot be checked")
    if not hmac.compare_digest(stated.encode(), computed):
        raise _refused("at_hash", "is that of another access token")


def _refused(claim: str, why: str) -> ProviderAnswerRefused:
    return ProviderAnswerRefused(f"the ID token: {claim} {why}")
