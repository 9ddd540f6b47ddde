"""Access tokens of a provider that are JWTs (RFC 9068), for what little they are good for here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from paseport import base64url

from paseport_shared.adapters.oidc.claims import MAX_GROUP, MAX_GROUPS, find, map_subject
from paseport_shared.adapters.oidc.id_token import LEEWAY
from paseport_shared.adapters.oidc.wire import Unreadable, read_object, read_time
from paseport_shared.domain.errors import ProviderAnswerRefused
from paseport_shared.domain.models.identity_provider import ApiAccess, IdentityProvider
from paseport_shared.domain.ports.upstream import UpstreamCaller

TYPES: Final = frozenset({"jwt", "at+jwt"})
MAX_BYTES: Final = 16 * 1024
_OF_OTHER_TOKENS: Final = ("nonce", "at_hash", "c_hash", "s_hash", "events")
"""What ID tokens and logout tokens have (OIDC Core §2, §3.3.2.11; Back-Channel Logout §2.4), and no access token."""


def claimed_issuer(token: str) -> str | None:
    """Return the ``iss`` of a token that nobody has checked: to choose who does, and for nothing else."""
    segments = token.split(".", 3)
    if len(segments) != 3 or len(token) > MAX_BYTES:
        return None
    try:
        issuer = read_object(base64url.decode(segments[1])).get("iss")
    except (ValueError, Unreadable):
        return None
    return issuer if isinstance(issuer, str) else None


def read_caller(
    claims: Mapping[str, Any], provider: IdentityProvider, access: ApiAccess, *, now: datetime
) -> UpstreamCaller:
    """Return whose token it is, once its signature is checked. Raises ``ProviderAnswerRefused``.

    Its end gets no leeway: nothing here can take a foreign token back.
    """
    if claims.get("iss") != provider.issuer:
        raise _refused("iss", "is not the provider")
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    if not any(one in access.audiences for one in named if isinstance(one, str)):
        raise _refused("aud", "is none of the audiences")
    if access.tenant is not None and claims.get("tid") != access.tenant:
        raise _refused("tid", "is another tenant")
    if any(name in claims for name in _OF_OTHER_TOKENS) or claims.get("typ") == "ID":
        raise _refused("nonce, at_hash, c_hash, s_hash, events or typ", "says that it is no access token")
    issued_at, expires_at = (read_time(claims.get(name)) for name in ("iat", "exp"))
    if issued_at is None or issued_at > now + LEEWAY:
        raise _refused("iat", "is missing, no time, or to come")
    if expires_at is None or expires_at <= now:
        raise _refused("exp", "is missing, no time, or over")
    if "nbf" in claims and ((begins := read_time(claims["nbf"])) is None or begins > now + LEEWAY):
        raise _refused("nbf", "is no time, or to come")
    auth_time = read_time(claims.get("auth_time"))
    if auth_time is not None and auth_time > now + LEEWAY:
        raise _refused("auth_time", "is to come")
    subject = map_subject([claims], access.subject or provider.claims.subject)
    return UpstreamCaller(
        subject, _groups(claims, access.groups or provider.claims.groups), issued_at, expires_at, auth_time
    )


def _groups(claims: Mapping[str, Any], name: str | None) -> frozenset[str]:
    """Return the groups that the token names; a text is one group. Who is in some that it leaves out is in none."""
    stated = None if name is None else find([claims], name)
    groups = [] if stated is None else [stated] if isinstance(stated, str) else stated
    if not isinstance(groups, list) or not all(isinstance(group, str) for group in groups):
        raise _refused("groups", "are no list of texts")
    if len(groups) > MAX_GROUPS or any(len(group) > MAX_GROUP for group in groups):
        raise _refused("groups", "are too many, or too long")
    return frozenset(groups)


def _refused(claim: str, why: str) -> ProviderAnswerRefused:
    return ProviderAnswerRefused(f"the access token: {claim} {why}")
