"""Base64url without padding (RFC 4648 §5), read strictly: one byte string has one spelling."""

import base64


def encode(raw: bytes) -> str:
    """Spell ``raw`` without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Read the one canonical spelling of a byte string; ``ValueError`` for any other text.

    The standard library skips characters outside the alphabet and ignores stray bits in the last one. Spelling the
    result again and comparing refuses all of that at once, padding included.
    """
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise ValueError("not canonical base64url") from error
    if encode(raw) != text:
        raise ValueError("not canonical base64url")
    return raw
