"""A few threads for slow work, with a bounded queue in front of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from paseport_shared.domain.errors import Overloaded, Unavailable

_Result = TypeVar("_Result")


class WorkerPool:
    """Runs blocking work off the event loop, ``workers`` at a time; at most ``queue`` callers wait, each in its turn.

    Callers wait here and not in the executor, whose own queue has no bound and keeps what was cancelled until a thread
    comes by. Belongs to one event loop.
    """

    def __init__(self, workers: int, queue: int, thread_name: str) -> None:
        if workers < 1 or queue < 0:
            raise ValueError("a pool has at least one worker, and no fewer than no places to wait")
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix=thread_name)
        self._slots = asyncio.Semaphore(workers)
        self._capacity = workers
        self._queue = queue
        self._in_use = 0
        self._waiting = 0
        self._closed = False

    @property
    def capacity(self) -> int:
        """How many pieces of work run at a time."""
        return self._capacity

    @property
    def in_use(self) -> int:
        """How many run now, those included whose caller has gone."""
        return self._in_use

    @property
    def waiting(self) -> int:
        """How many callers wait for a thread."""
        return self._waiting

    async def run(self, work: Callable[[], _Result]) -> _Result:
        """Return what ``work`` returns.

        Raises ``Overloaded`` at once when the queue is full, and ``Unavailable`` once the pool is closed; ``work`` has
        not begun then. A cancelled caller gives its place up at once if it was waiting; work that has begun cannot be
        interrupted, and keeps its thread until it is done.
        """
        if self._slots.locked() and self._waiting >= self._queue:
            raise Overloaded("every worker is busy and the queue is full")
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        if self._closed:
            self._slots.release()
            raise Unavailable("the worker pool is closed")
        running = asyncio.get_running_loop().run_in_executor(self._executor, work)
        self._in_use += 1
        running.add_done_callback(self._free)
        # Without the shield a cancelled caller would free its slot while the thread is still busy.
        return await asyncio.shield(running)

    def close(self) -> None:
        """Refuse new work and whoever waits. What has begun ends by itself."""
        self._closed = True
        self._executor.shutdown(wait=False)

    def _free(self, running: asyncio.Future[_Result]) -> None:
        if not running.cancelled():
            running.exception()  # its caller may have gone: then nobody else would look at it, and asyncio complains
        self._in_use -= 1
        self._slots.release()
