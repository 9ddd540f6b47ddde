"""Identifiers and their canonical forms."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from paseport.identifiers import parse_uuid as parse_uuid

from paseport_shared.domain.models import base62

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def uuid7(now: datetime, randomness: bytes) -> UUID:
    """Return a UUID version 7 (RFC 9562 §5.7) for ``now``; ``randomness`` is 10 bytes. Python 3.11 has none."""
    milliseconds = (now - _EPOCH) // timedelta(milliseconds=1)
    noise = int.from_bytes(randomness[:10])
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | noise
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)


def new_id128(randomness: bytes) -> str:
    """Return 16 random bytes as the 22 base62 characters of a session or family id."""
    return base62.encode_bytes(randomness)


def is_id128(text: str) -> bool:
    """Say whether ``text`` is a 128-bit id in its canonical spelling."""
    return base62.ID_128.fullmatch(text) is not None and base62.decode(text) < 1 << 128


def canonical(identifier: str) -> str:
    """Return the one form that is looked up, compared and counted: NFKC, case-folded, trimmed.

    Case folding may produce text that NFKC would change again, so the form is taken twice: it is idempotent.
    """
    folded = unicodedata.normalize("NFKC", identifier).casefold()
    return unicodedata.normalize("NFKC", folded).casefold().strip()
