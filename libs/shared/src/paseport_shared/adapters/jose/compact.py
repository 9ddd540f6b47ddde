"""What an ID token looks like, decided before anything is decoded, looked up or verified."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from paseport import base64url

MAX_TOKEN_BYTES: Final = 16 * 1024
"""The largest that is signed here: somebody with every role that an account may have has one of about 6 KiB."""

# Byte for byte as `header_for` writes it. Nothing else can say which key or algorithm is to be used: no `alg` but
# RS256, and no `jwk`, `jku`, `x5c`, `x5u`, `b64` or `crit` that somebody might obey (RFC 8725 §3.1, §3.10). The type
# keeps other signed statements of the same key apart (§3.11).
_HEADER: Final = re.compile(rb'\{"alg":"RS256","kid":"(?P<kid>[A-Za-z0-9_-]{43})","typ":"JWT"\}')
_HEADER_CHARACTERS: Final = len(base64url.encode(b'{"alg":"RS256","kid":"","typ":"JWT"}' + bytes(43)))


class MalformedToken(Exception):
    """This is not an ID token as we write them. The message says why, for the log."""


@dataclass(frozen=True, slots=True)
class ParsedIdToken:
    """The parts of a well-formed token. Nothing in it is trusted before its signature is verified."""

    kid: str
    payload: bytes


def header_for(kid: str) -> bytes:
    """Return the header of a token signed by the key with this id."""
    return b'{"alg":"RS256","kid":"%s","typ":"JWT"}' % kid.encode("ascii")


def signing_input(kid: str, payload: bytes) -> bytes:
    """Return the bytes that are signed (RFC 7515 §5.1)."""
    return f"{base64url.encode(header_for(kid))}.{base64url.encode(payload)}".encode("ascii")


def assemble(signed: bytes, signature: bytes) -> str:
    """Return the token made of what was signed and its signature (RFC 7515 §7.1)."""
    return f"{signed.decode('ascii')}.{base64url.encode(signature)}"


def parse_id_token(token: str) -> ParsedIdToken:
    """Take a token apart, or raise ``MalformedToken``.

    Accepted is: at most 16 KiB, three segments in canonical base64url, and the header byte for byte as we write it, so
    that a token has one spelling and no key is looked up for text that is none.
    """
    if len(token) > MAX_TOKEN_BYTES:
        raise MalformedToken("longer than 16 KiB")
    segments = token.split(".", 3)
    if len(segments) != 3 or len(segments[0]) != _HEADER_CHARACTERS:
        raise MalformedToken("not three segments with a header of ours")
    try:
        header, payload, signature = (base64url.decode(segment) for segment in segments)
    except ValueError as error:
        raise MalformedToken("not canonical base64url") from error
    match = _HEADER.fullmatch(header)
    if match is None:
        raise MalformedToken("the header is not one of ours")
    if not payload or not signature:
        raise MalformedToken("no payload, or no signature")
    return ParsedIdToken(match["kid"].decode("ascii"), payload)
