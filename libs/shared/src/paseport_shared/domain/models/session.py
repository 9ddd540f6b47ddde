"""Browser and device sessions at the issuer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """How long a session lives: ``idle`` since its last use, ``max_lifetime`` since sign-in."""

    idle: timedelta
    max_lifetime: timedelta


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in of one browser or device. ``id`` is a credential (128 random bits): it never appears in a log.

    ``address`` and ``user_agent`` are shown to its owner only.
    """

    id: str
    user_id: UUID
    created_at: datetime
    auth_time: datetime
    last_seen_at: datetime
    expires_at: datetime
    amr: tuple[str, ...]
    user_agent: str | None
    address: str | None

    def is_live(self, now: datetime, policy: SessionPolicy) -> bool:
        """Say whether the session may still be used: neither idle too long nor past its absolute end."""
        return now < self.expires_at and now - self.last_seen_at < policy.idle
