"""Claims as the message of a token."""

from __future__ import annotations

from functools import lru_cache
from sys import intern
from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from paseport.claims import ACCESS_TOKEN_TYPE, Claims
from paseport.errors import InvalidToken
from paseport.rfc3339 import format_time, parse_time

_SHARED: Final = 256
"""Values that many tokens have in common and that are kept once; only tokens with a good signature get so far."""

_Text = Annotated[str, Meta(min_length=1)]
# RFC 6749 §3.3: printable ASCII without quote and backslash, single spaces between. A token may have no scope at all.
_Scope = Annotated[str, Meta(pattern=r"\A(?:[!#-\[\]-~]+(?: [!#-\[\]-~]+)*)?\Z")]


class _WireClaims(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON form. An optional claim is absent or has a value: ``null`` is refused."""

    iss: str
    sub: _Text
    aud: str
    exp: str
    nbf: str
    iat: str
    jti: _Text
    client_id: _Text
    scope: _Scope
    typ: Literal["access"]
    sid: _Text | UnsetType = UNSET
    fid: _Text | UnsetType = UNSET
    ver: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    auth_time: str | UnsetType = UNSET
    amr: Annotated[tuple[_Text, ...], Meta(min_length=1)] | UnsetType = UNSET


@lru_cache(maxsize=_SHARED)
def _words(scope: str) -> tuple[str, ...]:
    return tuple(scope.split())


@lru_cache(maxsize=_SHARED)
def _shared(amr: tuple[str, ...]) -> tuple[str, ...]:
    return amr


_decoder = msgspec.json.Decoder(_WireClaims)
_encoder = msgspec.json.Encoder()


def encode_claims(claims: Claims) -> bytes:
    """Write claims as the message of a token. Fractions of a second are cut off; naive times raise ``ValueError``."""
    return _encoder.encode(
        _WireClaims(
            iss=claims.issuer,
            sub=claims.subject,
            aud=claims.audience,
            exp=format_time(claims.expires_at),
            nbf=format_time(claims.not_before),
            iat=format_time(claims.issued_at),
            jti=claims.token_id,
            client_id=claims.client_id,
            scope=" ".join(claims.scope),
            typ=ACCESS_TOKEN_TYPE,
            sid=UNSET if claims.session_id is None else claims.session_id,
            fid=UNSET if claims.family_id is None else claims.family_id,
            ver=UNSET if claims.user_version is None else claims.user_version,
            auth_time=UNSET if claims.auth_time is None else format_time(claims.auth_time),
            amr=claims.amr or UNSET,
        )
    )


def decode_claims(message: bytes, kid: str = "") -> Claims:
    """Read the message of a token that the key ``kid`` signed; ``InvalidToken`` if these are not its claims.

    Claims that this version does not know are ignored, as RFC 7519 §4 asks, so that an issuer may add some.
    """
    try:
        wire = _decoder.decode(message)
        not_before = parse_time(wire.nbf)
        return Claims(
            issuer=intern(wire.iss),
            subject=wire.sub,
            audience=intern(wire.aud),
            expires_at=parse_time(wire.exp),
            not_before=not_before,
            # Our issuers make these the same: one object then, of which a worker keeps many.
            issued_at=not_before if wire.iat == wire.nbf else parse_time(wire.iat),
            token_id=wire.jti,
            client_id=intern(wire.client_id),
            scope=_words(wire.scope),
            session_id=None if wire.sid is UNSET else wire.sid,
            family_id=None if wire.fid is UNSET else wire.fid,
            user_version=None if wire.ver is UNSET else wire.ver,
            auth_time=None if wire.auth_time is UNSET else parse_time(wire.auth_time),
            amr=() if wire.amr is UNSET else _shared(wire.amr),
            key_id=kid,
        )
    # Deep nesting in an ignored claim ends in RecursionError; msgspec's own errors and bad UTF-8 are ValueErrors.
    except (ValueError, RecursionError) as error:
        raise InvalidToken("message is not a set of access token claims") from error
