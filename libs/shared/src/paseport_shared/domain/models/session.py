"""Browser and device sessions at the issuer."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from paseport.secret import Secret

from paseport_shared.domain.models import base62
from paseport_shared.domain.models.linked_identity import UpstreamSession

_COOKIE = re.compile(
    rf"pss_(?P<id>[{base62.ALPHABET}]{{22}})_(?P<secret>[{base62.ALPHABET}]{{22}})_(?P<crc>[{base62.ALPHABET}]{{6}})"
)


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """How long a session lives: ``idle`` since its last use, ``max_lifetime`` since sign-in."""

    idle: timedelta
    max_lifetime: timedelta


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in of one browser or device.

    ``id`` is the ``sid`` that access tokens carry, so resource servers see it; the browser's cookie also holds a
    secret of which only the SHA-256 is kept. Whoever sees a token, or the store, cannot take over the session.
    ``address`` and ``user_agent`` are shown to its owner only. ``upstream`` is the session at an identity provider that
    it came out of.
    """

    id: str
    secret_hash: bytes = field(repr=False)
    user_id: UUID
    created_at: datetime
    auth_time: datetime
    last_seen_at: datetime
    expires_at: datetime
    amr: tuple[str, ...]
    user_agent: str | None
    address: str | None
    upstream: UpstreamSession | None = None

    def is_live(self, now: datetime, policy: SessionPolicy) -> bool:
        """Say whether the session may still be used: neither idle too long nor past its absolute end."""
        return now < self.expires_at and now - self.last_seen_at < policy.idle

    def is_held_by(self, cookie: SessionCookie) -> bool:
        """Say in constant time whether the cookie belongs to this session."""
        return cookie.session_id == self.id and hmac.compare_digest(cookie.secret_hash, self.secret_hash)


@dataclass(frozen=True, slots=True)
class SessionCookie:
    """A session cookie that passed its grammar: ``pss_<sid>_<secret>_<crc>``."""

    session_id: str
    secret_hash: bytes = field(repr=False)


def new_session_cookie(session_id: str, randomness: bytes) -> tuple[Secret[str], bytes]:
    """Return the cookie for a new session and the hash to store of its secret; ``randomness`` is 16 bytes."""
    secret = base62.encode_bytes(randomness)
    body = f"pss_{session_id}_{secret}"
    return Secret(f"{body}_{base62.crc(body)}"), _hash(secret)


def parse_session_cookie(cookie: Secret[str]) -> SessionCookie | None:
    """Return what the cookie names, or None for text that cannot be one. Junk fails without I/O."""
    match = _COOKIE.fullmatch(cookie.reveal())
    if match is None or base62.crc(match.string[: -(base62.WIDTH_CRC32 + 1)]) != match["crc"]:
        return None
    return SessionCookie(match["id"], _hash(match["secret"]))


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
