"""A verifier's end of the revocation feed."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from paseport.revocation import FeedChange, FeedPosition, FeedSnapshot


class FeedGap(Exception):
    """The increments from this position are not at hand any more: read a snapshot."""


class RevocationFeed(Protocol):
    """Where a verifier hears what was revoked. Both methods raise ``Unavailable`` when the feed does not answer."""

    async def snapshot(self, now: datetime, page: str | None = None) -> FeedSnapshot:
        """Return the revocations that have not expired at ``now``: all of them, or the page that ``next`` named.

        Raises ``Unavailable`` also while the feed is incomplete: what it holds may not be all; and ``FeedGap`` for a
        page of a snapshot that is gone.
        """
        ...

    async def changes_since(self, position: FeedPosition, wait_seconds: float) -> tuple[FeedChange, ...]:
        """Return the changes after ``position`` in order, waiting up to ``wait_seconds`` for the first one.

        An empty tuple is a heartbeat: the feed answered and there was nothing. Raises ``FeedGap`` for a position of
        another epoch or one too old.
        """
        ...
