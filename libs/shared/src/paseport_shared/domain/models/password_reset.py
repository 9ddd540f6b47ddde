"""One-time links with which a person sets a new password."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from paseport.secret import Secret

from paseport_shared.domain.models import base62

LIFETIME: Final = timedelta(minutes=30)
_TOKEN = re.compile(rf"prr_[{base62.ALPHABET}]{{43}}_[{base62.ALPHABET}]{{6}}")


@dataclass(frozen=True, slots=True)
class PasswordReset:
    """What is stored of a link: never the token, only its SHA-256 (256 random bits need no slow hash)."""

    user_id: UUID
    token_hash: bytes
    created_at: datetime
    expires_at: datetime


def new_reset_token(randomness: bytes) -> tuple[Secret[str], bytes]:
    """Return the token ``prr_<secret>_<crc>`` for 32 random bytes, and the hash under which it is stored."""
    body = f"prr_{base62.encode_bytes(randomness)}"
    token = f"{body}_{base62.crc(body)}"
    return Secret(token), _hash(token)


def hash_reset_token(token: Secret[str]) -> bytes | None:
    """Return the hash under which a token is stored, or None for text that cannot be one: junk costs no I/O."""
    text = token.reveal()
    body, _, crc = text.rpartition("_")
    if _TOKEN.fullmatch(text) is None or base62.crc(body) != crc:
        return None
    return _hash(text)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
