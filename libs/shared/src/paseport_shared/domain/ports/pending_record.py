"""The way to the record for acts that must not wait for it."""

from __future__ import annotations

from typing import Protocol

from paseport_shared.domain.models.pending import PendingEntry


class PendingRecord(Protocol):
    """A queue between the hot store and the record: sign-out works while the database is down (design §5).

    Every method raises ``Unavailable`` when the queue does not answer.
    """

    async def append(self, entry: PendingEntry) -> None:
        """Keep an entry until it is acknowledged."""
        ...

    async def read(self, limit: int, wait_seconds: float) -> tuple[tuple[str, PendingEntry], ...]:
        """Return up to ``limit`` unacknowledged entries, oldest first, each with its handle.

        Waits up to ``wait_seconds`` for the first one; an entry stays until it is acknowledged.
        """
        ...

    async def acknowledge(self, handles: tuple[str, ...]) -> None:
        """Remove entries that are on record now."""
        ...

    async def length(self) -> int:
        """Return how many entries are unacknowledged."""
        ...
