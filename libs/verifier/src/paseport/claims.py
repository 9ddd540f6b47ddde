"""What an access token says, and the rules its claims must satisfy."""

import uuid
from datetime import datetime, timedelta
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from paseport.errors import InvalidToken
from paseport.rfc3339 import format_time, parse_time

ACCESS_TOKEN_TYPE: Final = "access"
CLOCK_LEEWAY: Final = timedelta(seconds=30)


class AccessTokenClaims(msgspec.Struct, frozen=True, kw_only=True):
    """The claims of one access token; times are aware UTC datetimes.

    A user's token (``sub`` is a UUID) carries ``fid`` and ``ver``, and ``sid`` while its family lives with a session. A
    machine token (``sub`` is the client id) carries none of the last five. Roles are never in a token.
    """

    iss: str
    sub: str
    aud: str
    exp: datetime
    nbf: datetime
    iat: datetime
    jti: str
    client_id: str
    scope: str
    typ: str = ACCESS_TOKEN_TYPE
    sid: str | None = None
    fid: str | None = None
    ver: int | None = None
    auth_time: datetime | None = None
    amr: tuple[str, ...] | None = None

    @property
    def scopes(self) -> frozenset[str]:
        """The scope values (RFC 6749 §3.3), without order."""
        return frozenset(self.scope.split())


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
    typ: str
    sid: _Text | UnsetType = UNSET
    fid: _Text | UnsetType = UNSET
    ver: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    auth_time: str | UnsetType = UNSET
    amr: tuple[_Text, ...] | UnsetType = UNSET


_decoder = msgspec.json.Decoder(_WireClaims)
_encoder = msgspec.json.Encoder()


def encode_claims(claims: AccessTokenClaims) -> bytes:
    """Write claims as the message of a token. Fractions of a second are cut off; naive times raise ``ValueError``."""
    return _encoder.encode(
        _WireClaims(
            iss=claims.iss,
            sub=claims.sub,
            aud=claims.aud,
            exp=format_time(claims.exp),
            nbf=format_time(claims.nbf),
            iat=format_time(claims.iat),
            jti=claims.jti,
            client_id=claims.client_id,
            scope=claims.scope,
            typ=claims.typ,
            sid=UNSET if claims.sid is None else claims.sid,
            fid=UNSET if claims.fid is None else claims.fid,
            ver=UNSET if claims.ver is None else claims.ver,
            auth_time=UNSET if claims.auth_time is None else format_time(claims.auth_time),
            amr=UNSET if claims.amr is None else claims.amr,
        )
    )


def decode_claims(message: bytes) -> AccessTokenClaims:
    """Read the message of a token whose signature has been verified; ``InvalidToken`` if these are not its claims.

    Claims that this version does not know are ignored, as RFC 7519 §4 asks, so that an issuer may add some.
    """
    try:
        wire = _decoder.decode(message)
        return AccessTokenClaims(
            iss=wire.iss,
            sub=wire.sub,
            aud=wire.aud,
            exp=parse_time(wire.exp),
            nbf=parse_time(wire.nbf),
            iat=parse_time(wire.iat),
            jti=wire.jti,
            client_id=wire.client_id,
            scope=wire.scope,
            typ=wire.typ,
            sid=None if wire.sid is UNSET else wire.sid,
            fid=None if wire.fid is UNSET else wire.fid,
            ver=None if wire.ver is UNSET else wire.ver,
            auth_time=None if wire.auth_time is UNSET else parse_time(wire.auth_time),
            amr=None if wire.amr is UNSET else wire.amr,
        )
    # Deep nesting in an ignored claim ends in RecursionError; msgspec's own errors and bad UTF-8 are ValueErrors.
    except (ValueError, RecursionError) as error:
        raise InvalidToken("message is not a set of access token claims") from error


def check_claims(
    claims: AccessTokenClaims,
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
    if claims.typ != ACCESS_TOKEN_TYPE:
        raise InvalidToken("typ is not access")
    if claims.iss != issuer:
        raise InvalidToken("iss is another issuer")
    if claims.aud != audience:
        raise InvalidToken("aud is another audience")
    if claims.exp <= now:
        raise InvalidToken("exp has passed")
    if claims.nbf > now + leeway:
        raise InvalidToken("nbf lies in the future")
    if claims.iat > now + leeway:
        raise InvalidToken("iat lies in the future")
    if not timedelta(0) < claims.exp - claims.iat <= max_lifetime:
        raise InvalidToken("exp - iat is not a permitted lifetime")
    _check_subject(claims)


def _check_subject(claims: AccessTokenClaims) -> None:
    try:
        user_id = uuid.UUID(claims.sub)
    except ValueError:
        user_traces = (claims.sid, claims.fid, claims.ver, claims.auth_time, claims.amr)
        if any(claim is not None for claim in user_traces):
            raise InvalidToken("a machine token carries claims of a user's token") from None
        return
    # uuid.UUID reads braces, urn: and upper case too. Revocations are looked up by sub: a user has one spelling only.
    if str(user_id) != claims.sub:
        raise InvalidToken("sub is a UUID in another than its canonical form")
    if claims.fid is None or claims.ver is None:
        raise InvalidToken("a user's token lacks fid or ver")
