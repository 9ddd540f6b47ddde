"""The gate: what an access token looks like, decided before anything is decoded, looked up or verified.

PASETO libraries read base64url leniently, so that one token has endless spellings. Behind this gate a token has exactly
one, which makes the raw string a safe key for caches, limits and logs.
"""

import re
from dataclasses import dataclass

from paseport import base64url
from paseport.errors import InvalidToken
from paseport.paserk import KEY_ID_PATTERN

MAX_TOKEN_BYTES = 4096
HEADER = "v4.public."
SIGNATURE_BYTES = 64

_FOOTER = re.compile(rb'\{"kid":"(' + KEY_ID_PATTERN.encode("ascii") + rb')"\}')
_FOOTER_CHARACTERS = len(base64url.encode(b'{"kid":"k4.pid."}' + bytes(44)))


@dataclass(frozen=True, slots=True)
class ParsedToken:
    """The parts of a well-formed token. Nothing in it is trusted before its signature is verified."""

    message: bytes
    signature: bytes
    footer: bytes
    kid: str


def parse_token(token: str) -> ParsedToken:
    """Take a token apart, or raise ``InvalidToken``.

    Accepted is: at most 4,096 bytes, header ``v4.public.``, a payload of at least one byte and its 64 signature bytes,
    and the footer ``{"kid":"k4.pid.…"}`` byte for byte as the issuer writes it, both in canonical base64url. Length and
    header come first, so that an oversized or foreign token costs no decoding and no key is looked up for it.
    """
    if len(token) > MAX_TOKEN_BYTES:
        raise InvalidToken("token longer than 4,096 bytes")
    if not token.startswith(HEADER):
        raise InvalidToken("token is not v4.public")
    segments = token.split(".", 4)
    if len(segments) != 4:
        raise InvalidToken("token does not have four segments")
    payload_text, footer_text = segments[2], segments[3]
    if len(footer_text) != _FOOTER_CHARACTERS:
        raise InvalidToken("footer is not a key id")
    try:
        footer = base64url.decode(footer_text)
        payload = base64url.decode(payload_text)
    except ValueError as error:
        raise InvalidToken("payload or footer is not canonical base64url") from error
    key_id = _FOOTER.fullmatch(footer)
    if key_id is None:
        raise InvalidToken("footer is not a key id")
    if len(payload) <= SIGNATURE_BYTES:
        raise InvalidToken("payload has no message")
    return ParsedToken(
        message=payload[:-SIGNATURE_BYTES],
        signature=payload[-SIGNATURE_BYTES:],
        footer=footer,
        kid=key_id[1].decode("ascii"),
    )
