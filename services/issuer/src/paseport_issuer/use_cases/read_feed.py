"""Handing the revocation feed on to verifiers that do not read Redis."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from paseport.clock import Clock
from paseport.feed import FeedGap, RevocationFeed
from paseport.revocation import FeedChange, FeedPosition, FeedSnapshot

MAX_WAIT_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class FeedChanges:
    """The changes after the reader's position; ``position`` is where they lead."""

    position: FeedPosition
    changes: tuple[FeedChange, ...]


class ReadFeed:
    """Increments where the reader can follow, a snapshot where it cannot."""

    def __init__(self, feed: RevocationFeed, clock: Clock) -> None:
        self._feed = feed
        self._clock = clock

    async def __call__(
        self, position: FeedPosition | None, wait_seconds: float, page: str | None = None
    ) -> FeedSnapshot | FeedChanges:
        """Return what follows ``position``, waiting up to ``wait_seconds`` (1 at most) for the first change.

        Without a position, or with one that cannot be followed, the first page of everything in force; with ``page``
        another one. Raises ``Unavailable``.
        """
        if position is not None and page is None:
            with suppress(FeedGap):
                changes = await self._feed.changes_since(position, min(max(wait_seconds, 0.0), MAX_WAIT_SECONDS))
                return FeedChanges(changes[-1].position if changes else position, changes)
        try:
            return await self._feed.snapshot(self._clock.now(), page)
        except FeedGap:
            return await self._feed.snapshot(self._clock.now())
