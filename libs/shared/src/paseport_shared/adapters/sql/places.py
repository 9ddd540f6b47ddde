"""A place for each connection, and a bounded queue in front of them."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from paseport.deadline import Deadline

from paseport_shared.domain.errors import Overloaded


class Places:
    """As many places as there are connections; at most ``queue`` callers wait, each in turn and for ``patience``.

    Callers queue here and not in the pool: a caller who gives up while the pool opens a connection would leave those
    behind him waiting, though there is room again; and the pool's own queue has no bound. Belongs to one event loop.
    """

    def __init__(self, capacity: int, queue: int, patience: timedelta) -> None:
        if capacity < 1 or queue < 0:
            raise ValueError("there is at least one place, and no fewer than no places to wait")
        self._capacity = capacity
        self._queue = queue
        self._patience = patience
        self._free = asyncio.Semaphore(capacity)
        self._in_use = 0
        self._waiting = 0
        self._leaving: set[asyncio.Task[None]] = set()

    @property
    def capacity(self) -> int:
        """How many callers are served at a time."""
        return self._capacity

    @property
    def in_use(self) -> int:
        """How many places are taken, those included whose caller has gone and whose connection is being cleaned."""
        return self._in_use

    @property
    def waiting(self) -> int:
        """How many callers wait for a place."""
        return self._waiting

    async def take(self) -> None:
        """Take a place. Raises ``Overloaded``: at once where the queue is full, else when patience is at its end."""
        if self._free.locked() and self._waiting >= self._queue:
            raise Overloaded("every connection to the record is busy and the queue is full")
        self._waiting += 1
        try:
            async with Deadline(self._patience.total_seconds()):
                await self._free.acquire()
        except TimeoutError as error:
            raise Overloaded("no connection to the record came free") from error
        finally:
            self._waiting -= 1
        self._in_use += 1

    def give_back(self) -> None:
        """Free a place."""
        self._in_use -= 1
        self._free.release()

    def give_back_after(self, cleaning: asyncio.Task[None]) -> None:
        """Free a place when its connection is clean, whether somebody waits for that or not."""
        self._leaving.add(cleaning)  # the event loop itself holds tasks weakly
        cleaning.add_done_callback(self._leave)

    def _leave(self, cleaning: asyncio.Task[None]) -> None:
        self._leaving.discard(cleaning)
        self.give_back()
