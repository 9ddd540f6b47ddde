"""Logout tokens (OpenID Connect Back-Channel Logout 1.0 §2.4–2.6), once their signature is checked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from paseport_shared.adapters.oidc.claims import find, map_subject
from paseport_shared.adapters.oidc.id_token import LEEWAY, MAX_AGE, check_party, is_name
from paseport_shared.adapters.oidc.wire import read_time
from paseport_shared.domain.errors import ProviderAnswerRefused
from paseport_shared.domain.models.identity_provider import IdentityProvider
from paseport_shared.domain.ports.upstream import UpstreamLogout

TYPES: Final = frozenset({"jwt", "logout+jwt"})
MAX_BYTES: Final = 16 * 1024
MAX_AGE_WITHOUT_EXPIRY: Final = timedelta(minutes=2)
"""How old a token may be that does not say until when it is good, as those of the first drafts do not."""
_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"


def read_logout(claims: Mapping[str, Any], provider: IdentityProvider, issuer: str, *, now: datetime) -> UpstreamLogout:
    """Return whose sessions end. Raises ``ProviderAnswerRefused``.

    ``expires_at`` is when the token is not accepted any more: until then somebody could send it again.
    """
    if claims.get("iss") != issuer:
        raise _refused("iss", "is not the provider")
    audience = claims.get("aud")
    if provider.client_id not in (audience if isinstance(audience, list) else [audience]):
        raise _refused("aud", "is not the client")
    check_party(claims, provider.client_id)
    expires_at = _read_expiry(claims, now)
    if "nonce" in claims:
        # An ID token of somebody's sign-in (§2.4).
        raise _refused("nonce", "is there")
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(_EVENT), dict):
        raise _refused("events", "is not that of a logout")
    token_id, subject, session_id = (claims.get(name) for name in ("jti", "sub", "sid"))
    if not isinstance(token_id, str) or not is_name(token_id):
        raise _refused("jti", "is missing, or no name")
    if not all(is_name(name) for name in (subject, session_id) if name is not None):
        raise _refused("sub or sid", "is no name")
    found = _find_subject(claims, provider)
    if found is None and session_id is None:
        raise _refused("sub and sid", "name nobody who could be known here")
    return UpstreamLogout(token_id, found, session_id, expires_at)


def _read_expiry(claims: Mapping[str, Any], now: datetime) -> datetime:
    issued_at = read_time(claims.get("iat"))
    if issued_at is None or issued_at > now + LEEWAY:
        raise _refused("iat", "is missing, no time, or to come")
    last = issued_at + (MAX_AGE if "exp" in claims else MAX_AGE_WITHOUT_EXPIRY)
    if "exp" in claims:
        expires_at = read_time(claims["exp"])
        if expires_at is None:
            raise _refused("exp", "is no time")
        last = min(last, expires_at)
    if now >= last + LEEWAY:
        raise _refused("exp or iat", "is too long ago")
    return last + LEEWAY


def _find_subject(claims: Mapping[str, Any], provider: IdentityProvider) -> str | None:
    """Return who is meant, by the name that their identity has here; None where the token does not say that.

    Where people are named by other claims than ``sub``, ``sub`` names nobody here: logout tokens seldom have those
    claims, and then it is the session that counts.
    """
    names = provider.claims.subject
    return map_subject([claims], names) if all(find([claims], name) is not None for name in names) else None


def _refused(claim: str, why: str) -> ProviderAnswerRefused:
    return ProviderAnswerRefused(f"the logout token: {claim} {why}")
