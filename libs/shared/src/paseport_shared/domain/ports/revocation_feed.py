"""Telling every verifier what was revoked."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from paseport_shared.domain.models.revocation import FeedChange, FeedPosition, FeedSnapshot, Revocation


class FeedGap(Exception):
    """The increments from this position are not at hand any more: read a snapshot."""


class RevocationPublisher(Protocol):
    """The issuer's end of the feed."""

    async def publish(self, revocation: Revocation) -> FeedPosition:
        """Put a revocation in force and return the position that includes it.

        Publishing what is in force already is harmless. Raises ``Unavailable`` when that could not be confirmed.
        """
        ...


class RevocationFeed(Protocol):
    """A verifier's end of the feed. Both methods raise ``Unavailable`` when the feed does not answer."""

    async def snapshot(self, now: datetime) -> FeedSnapshot:
        """Return all revocations that have not expired at ``now``."""
        ...

    async def changes_since(self, position: FeedPosition, wait_seconds: float) -> tuple[FeedChange, ...]:
        """Return the changes after ``position`` in order, waiting up to ``wait_seconds`` for the first one.

        An empty tuple is a heartbeat: the feed answered and there was nothing. Raises ``FeedGap`` for a position of
        another epoch or one too old.
        """
        ...
