"""Acts on their way to the record, in memory."""

from __future__ import annotations

from itertools import count, islice
from typing import Final

from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.domain.errors import Overloaded
from paseport_shared.domain.models.pending import PendingEntry
from paseport_shared.domain.wake_up import WakeUp

CAPACITY: Final = 10_000


class MemoryPendingRecord:
    """``PendingRecord`` of one process: entries that were not recorded when it ends are lost with it.

    Holds at most ``capacity`` entries, then raises ``Overloaded``: a database that stays away must not fill memory.
    """

    def __init__(self, outage: MemoryOutage | None = None, *, capacity: int = CAPACITY) -> None:
        self._outage = outage or MemoryOutage()
        self._capacity = capacity
        self._entries: dict[str, PendingEntry] = {}
        self._handles = count(1)
        self._added = WakeUp()

    async def append(self, entry: PendingEntry) -> None:
        """Keep an entry until it is acknowledged."""
        self._outage.check()
        if len(self._entries) >= self._capacity:
            raise Overloaded("too many acts wait for the record")
        self._entries[str(next(self._handles))] = entry
        self._added.everybody()

    async def read(self, limit: int, wait_seconds: float) -> tuple[tuple[str, PendingEntry], ...]:
        """Return up to ``limit`` unacknowledged entries, oldest first, each with its handle."""
        self._outage.check()
        if not self._entries and wait_seconds > 0:
            await self._added.wait(wait_seconds)
            self._outage.check()
        return tuple(islice(self._entries.items(), limit))

    async def acknowledge(self, handles: tuple[str, ...]) -> None:
        """Remove entries that are on record now."""
        self._outage.check()
        for handle in handles:
            self._entries.pop(handle, None)

    async def length(self) -> int:
        """Return how many entries are unacknowledged."""
        self._outage.check()
        return len(self._entries)
