"""Base64url without padding (RFC 4648 §5), read strictly: one byte string has one spelling."""

from binascii import a2b_base64, b2a_base64

_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")


def encode(raw: bytes) -> str:
    """Spell ``raw`` without padding."""
    return b2a_base64(raw, newline=False).rstrip(b"=").translate(_TO_URL).decode("ascii")


def decode(text: str) -> bytes:
    """Read the one canonical spelling of a byte string; ``ValueError`` for any other text.

    The standard library skips characters outside the alphabet and ignores stray bits in the last one. Spelling the
    result again and comparing refuses all of that at once, padding and the other alphabet's characters included.
    """
    try:
        raw = a2b_base64(text.encode("ascii").translate(_FROM_URL) + b"=" * (-len(text) % 4))
    except ValueError as error:
        raise ValueError("not canonical base64url") from error
    if encode(raw) != text:
        raise ValueError("not canonical base64url")
    return raw
