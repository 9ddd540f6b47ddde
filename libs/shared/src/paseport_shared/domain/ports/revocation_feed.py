"""Telling every verifier what was revoked."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from paseport_shared.domain.models.revocation import FeedChange, FeedPosition, FeedSnapshot, Revocation


class FeedGap(Exception):
    """The increments from this position are not at hand any more: read a snapshot."""


class RevocationPublisher(Protocol):
    """The issuer's end of the feed. Every method raises ``Unavailable`` when the feed does not answer.

    A feed begins a new epoch when it may have lost something: at its first use, with each new primary, after it was
    emptied. It is incomplete then, and gives no snapshot, until an issuer has published again what is in force and
    called ``mark_complete``.
    """

    async def publish(self, revocation: Revocation) -> FeedPosition:
        """Put a revocation in force and return the position that includes it.

        Publishing what is in force already is harmless. Raises ``Unavailable`` when that could not be confirmed.
        """
        ...

    async def epoch(self) -> int:
        """Return the current epoch, begun now where the feed may have lost something."""
        ...

    async def is_complete(self) -> bool:
        """Say whether the current epoch was filled."""
        ...

    async def mark_complete(self, epoch: int) -> bool:
        """Declare that everything in force was published in ``epoch``; False, and no effect, in any later one."""
        ...


class RevocationFeed(Protocol):
    """A verifier's end of the feed. Both methods raise ``Unavailable`` when the feed does not answer."""

    async def snapshot(self, now: datetime) -> FeedSnapshot:
        """Return all revocations that have not expired at ``now``.

        Raises ``Unavailable`` also while the feed is incomplete: what it holds may not be all.
        """
        ...

    async def changes_since(self, position: FeedPosition, wait_seconds: float) -> tuple[FeedChange, ...]:
        """Return the changes after ``position`` in order, waiting up to ``wait_seconds`` for the first one.

        An empty tuple is a heartbeat: the feed answered and there was nothing. Raises ``FeedGap`` for a position of
        another epoch or one too old.
        """
        ...
