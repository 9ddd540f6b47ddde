"""PASERK for v4 verification keys: how a key is written (``k4.public``) and how it is named (``k4.pid``)."""

import hashlib
import re

from paseport import base64url

PUBLIC_KEY_BYTES = 32
_PUBLIC_PREFIX = "k4.public."
_ID_PREFIX = "k4.pid."
_ID_BYTES = 33

KEY_ID_PATTERN = r"k4\.pid\.[A-Za-z0-9_-]{44}"
_KEY_ID = re.compile(KEY_ID_PATTERN)


def encode_public_key(public_key: bytes) -> str:
    """Write a raw Ed25519 public key as ``k4.public.…``; ``ValueError`` unless it has 32 bytes."""
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise ValueError("an Ed25519 public key has 32 bytes")
    return _PUBLIC_PREFIX + base64url.encode(public_key)


def decode_public_key(paserk: str) -> bytes:
    """Read ``k4.public.…`` in its one canonical spelling; ``ValueError`` for anything else."""
    if not paserk.startswith(_PUBLIC_PREFIX):
        raise ValueError("not a k4.public key")
    public_key = base64url.decode(paserk.removeprefix(_PUBLIC_PREFIX))
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise ValueError("an Ed25519 public key has 32 bytes")
    return public_key


def public_key_id(public_key: bytes) -> str:
    """Name a raw public key: ``k4.pid.`` and the 264-bit BLAKE2b hash of its PASERK (PASERK, operation ID)."""
    paserk = encode_public_key(public_key)
    digest = hashlib.blake2b((_ID_PREFIX + paserk).encode("ascii"), digest_size=_ID_BYTES).digest()
    return _ID_PREFIX + base64url.encode(digest)


def is_key_id(text: str) -> bool:
    """Tell whether ``text`` has the form of a ``k4.pid``; it says nothing about a key behind it."""
    return _KEY_ID.fullmatch(text) is not None
