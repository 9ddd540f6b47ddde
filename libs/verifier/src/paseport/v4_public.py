"""PASETO v4.public: the signed bytes, the framing, and the signature layer below the gate.

Two ways verify the same signature. ``verify_parsed`` is the path of every request: it takes what the gate decoded and
has libsodium check Ed25519 once, over the pre-authentication encoding, in half the time that OpenSSL takes.
``verify_signature`` hands the whole token to pyseto; it has no grammar and no footer rule. The published vectors run
through both, and a differential test holds them equal.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

from paseport import base64url
from paseport.errors import InvalidToken
from paseport.grammar import HEADER, SIGNATURE_BYTES, ParsedToken
from paseport.paserk import PUBLIC_KEY_BYTES, is_key_id

if TYPE_CHECKING:
    from pyseto.key_interface import KeyInterface

_HEADER_BYTES: Final = HEADER.encode("ascii")
_LE64 = struct.Struct("<Q")
_LE64_MASK: Final = 0x7FFF_FFFF_FFFF_FFFF
# More keys than a key document ever lists at once; bounded, so that documents coming and going cannot fill the memory.
_PREPARED_KEYS: Final = 64


def pre_auth_encode(*pieces: bytes) -> bytes:
    """Join pieces so that no two lists of pieces give the same bytes (PASETO, PAE).

    Counts and lengths are unsigned 64-bit little-endian with the highest bit cleared.
    """
    encoded = [_LE64.pack(len(pieces) & _LE64_MASK)]
    for piece in pieces:
        encoded.append(_LE64.pack(len(piece) & _LE64_MASK))
        encoded.append(piece)
    return b"".join(encoded)


def signing_input(message: bytes, footer: bytes, implicit_assertion: bytes = b"") -> bytes:
    """Return the bytes that a v4.public signature covers (PASETO version 4, Sign, step 3)."""
    return pre_auth_encode(_HEADER_BYTES, message, footer, implicit_assertion)


def assemble(message: bytes, signature: bytes, footer: bytes) -> str:
    """Frame a signed message as a token; ``ValueError`` unless the signature has 64 bytes."""
    if len(signature) != SIGNATURE_BYTES:
        raise ValueError("an Ed25519 signature has 64 bytes")
    token = HEADER + base64url.encode(message + signature)
    return f"{token}.{base64url.encode(footer)}" if footer else token


def footer_for(kid: str) -> bytes:
    """Write the footer that names a key; ``ValueError`` for anything but a ``k4.pid``."""
    if not is_key_id(kid):
        raise ValueError("not a k4.pid key id")
    return b'{"kid":"' + kid.encode("ascii") + b'"}'


def verify_parsed(parsed: ParsedToken, public_key: bytes, implicit_assertion: bytes = b"") -> bytes:
    """Return the message of a token that passed the gate, once ``public_key`` has verified its signature.

    Raises ``InvalidToken`` if it does not verify, ``ValueError`` if ``public_key`` does not have 32 bytes.
    """
    signed = signing_input(parsed.message, parsed.footer, implicit_assertion)
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise ValueError("an Ed25519 public key has 32 bytes")
    try:
        crypto_sign_open(parsed.signature + signed, public_key)
    except BadSignatureError as error:
        raise InvalidToken("signature does not verify") from error
    return parsed.message


def verify_signature(
    token: str, public_key: bytes, implicit_assertion: bytes = b"", footer: bytes | None = None
) -> bytes:
    """Return the message of any v4.public token that ``public_key`` signed, through pyseto.

    Below the gate: pyseto accepts many spellings of one token and checks no claim, so the answer proves possession of
    the key and nothing else. With ``footer``, the token's footer must equal it. Raises ``InvalidToken`` for every token
    that does not verify, ``ValueError`` if ``public_key`` does not have 32 bytes.
    """
    # Loaded by whoever calls this: no verifier does, and it takes 4 MiB.
    import pyseto

    key = _prepared_pyseto_key(public_key)
    try:
        verified = pyseto.decode(key, token, implicit_assertion=implicit_assertion)
    except (pyseto.PysetoError, ValueError, TypeError) as error:
        raise InvalidToken("pyseto does not verify the token") from error
    if footer is not None and verified.footer != footer:
        raise InvalidToken("footer is not the expected one")
    message = verified.payload
    if not isinstance(message, bytes):
        raise InvalidToken("pyseto decoded the message")
    return message


@lru_cache(maxsize=_PREPARED_KEYS)
def _prepared_pyseto_key(public_key: bytes) -> KeyInterface:
    import pyseto

    return pyseto.Key.from_asymmetric_key_params(4, x=public_key)
