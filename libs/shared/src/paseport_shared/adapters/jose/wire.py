"""The claims of an ID token on the wire."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from paseport_shared.domain.models.id_token import IdTokenClaims, IdTokenHint

_Seconds = Annotated[int, Meta(ge=0, le=253_402_300_799)]
"""Unix time up to the end of the year 9999."""
_Text = Annotated[str, Meta(min_length=1, max_length=1024)]


class _Hint(msgspec.Struct, frozen=True):
    iss: _Text
    sub: _Text
    aud: _Text
    azp: _Text
    iat: _Seconds
    exp: _Seconds
    auth_time: _Seconds | None = None
    sid: _Text | None = None


_decoder = msgspec.json.Decoder(_Hint)


def encode_claims(claims: IdTokenClaims) -> bytes:
    """Return the payload of a token (OIDC Core §2). What has no value is left out."""
    token = {
        "iss": claims.issuer,
        "sub": claims.subject,
        "aud": claims.audience,
        "azp": claims.authorized_party,
        "exp": _seconds(claims.expires_at),
        "iat": _seconds(claims.issued_at),
        "auth_time": _seconds(claims.auth_time),
        "nonce": claims.nonce,
        "acr": claims.acr,
        "amr": claims.amr,
        "at_hash": claims.at_hash,
        "sid": claims.session_id,
    }
    given = {name: value for name, value in token.items() if value is not None}
    return msgspec.json.encode(dict(claims.user_claims) | given)


def decode_hint(payload: bytes, issuer: str) -> IdTokenHint | None:
    """Return what a token says whose signature was verified, None unless it is an ID token of ``issuer``."""
    try:
        wire = _decoder.decode(payload)
    except (ValueError, RecursionError):
        return None
    if wire.iss != issuer or wire.azp != wire.aud:
        return None
    return IdTokenHint(
        subject=wire.sub,
        client_id=wire.aud,
        issued_at=_time(wire.iat),
        expires_at=_time(wire.exp),
        session_id=wire.sid,
        auth_time=None if wire.auth_time is None else _time(wire.auth_time),
    )


def _seconds(time: datetime) -> int:
    return int(time.timestamp())


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
