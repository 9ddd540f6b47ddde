"""What an access token says, and the rules that its claims must satisfy."""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from paseport.errors import InvalidToken
from paseport.identifiers import is_uuid

ACCESS_TOKEN_TYPE: Final = "access"
CLOCK_LEEWAY: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of one access token. Times are aware UTC datetimes of whole seconds.

    A machine's token (``subject`` is the client id, never a UUID) has no ``session_id``, ``family_id``,
    ``user_version``, ``auth_time`` or ``amr``; a user's always has ``family_id`` and ``user_version``, and a
    ``session_id`` where its family is online. Roles are not claims: they are looked up, so that a change is live.
    """

    issuer: str
    subject: str
    audience: str
    expires_at: datetime
    not_before: datetime
    issued_at: datetime
    token_id: str
    client_id: str
    scope: tuple[str, ...]
    session_id: str | None = None
    family_id: str | None = None
    user_version: int | None = None
    auth_time: datetime | None = None
    amr: tuple[str, ...] = ()
    key_id: str = ""
    """``kid`` of the footer: filled in by whoever verified the signature, not written by the signer."""


def check_claims(
    claims: Claims,
    *,
    issuer: str,
    audience: str,
    now: datetime,
    max_lifetime: timedelta,
    leeway: timedelta = CLOCK_LEEWAY,
) -> None:
    """Return if the claims allow this token here and now; raise ``InvalidToken`` with the reason if not.

    ``iss`` and ``aud`` are compared code point by code point: no trailing slash, case or port is forgiven. ``leeway``
    covers an issuer whose clock is ahead (``nbf``, ``iat``); ``exp`` gets none, so no token outlives its promise.
    """
    if claims.issuer != issuer:
        raise InvalidToken("iss is another issuer")
    if claims.audience != audience:
        raise InvalidToken("aud is another audience")
    check_times(claims, now, leeway)
    if claims.issued_at > now + leeway:
        raise InvalidToken("iat lies in the future")
    if not timedelta(0) < claims.expires_at - claims.issued_at <= max_lifetime:
        raise InvalidToken("exp - iat is not a permitted lifetime")
    _check_subject(claims)


def check_times(claims: Claims, now: datetime, leeway: timedelta = CLOCK_LEEWAY) -> None:
    """Return if ``now`` lies between ``nbf`` and ``exp``: the part of ``check_claims`` that time changes."""
    if claims.expires_at <= now:
        raise InvalidToken("exp has passed")
    if claims.not_before > now + leeway:
        raise InvalidToken("nbf lies in the future")


def _check_subject(claims: Claims) -> None:
    if not is_uuid(claims.subject):
        # uuid.UUID reads braces, urn: and upper case too. Revocations are looked up by sub: a user has one spelling.
        with suppress(ValueError):
            uuid.UUID(claims.subject)
            raise InvalidToken("sub is a UUID in another than its canonical form")
        user_traces = (claims.session_id, claims.family_id, claims.user_version, claims.auth_time, claims.amr or None)
        if any(claim is not None for claim in user_traces):
            raise InvalidToken("a machine token carries claims of a user's token")
        return
    if claims.family_id is None or claims.user_version is None:
        raise InvalidToken("a user's token lacks fid or ver")
