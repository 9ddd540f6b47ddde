"""Deadlines for what others answer, which pass while they are silent, not while this process stands still.

A process that nobody serves for a while, or that looks through all it remembers for garbage, wakes up with every
deadline over at once and the answers in its sockets. To read them takes milliseconds; to refuse whoever asked because
of them would be wrong.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

NOTICED_SECONDS: Final = 0.05
"""An alarm that is late by less was only waiting for its turn."""
SPARE_SECONDS: Final = 0.1
"""How long what arrived meanwhile may take to be read, at least."""
MOST_SPARE_SECONDS: Final = 1.0
"""At most, after a standstill of seconds: a transaction that it interrupted has some more steps to go."""


class Alarm:
    """Calls ``ring`` at a moment of the loop's clock; after a standstill that lasted beyond it, as much later again.

    By 0.1 s at least and one second at most, and once: a loop that is always late puts nothing off for ever.
    """

    __slots__ = ("_loop", "_ring", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, when: float, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._ring = ring
        self._timer = loop.call_at(when, self._due)

    def cancel(self) -> None:
        """Do not ring."""
        self._timer.cancel()

    def _due(self) -> None:
        now = self._loop.time()
        if now - self._timer.when() > NOTICED_SECONDS:
            self._timer = self._loop.call_at(now + _spare_seconds(now - self._timer.when()), self._ring)
        else:
            self._ring()


class Deadline:
    """``asyncio.timeout(seconds)`` for an answer of somebody else. Raises ``TimeoutError`` as that does.

    After a standstill of this process that lasted beyond it, there is some time to read what arrived meanwhile.
    """

    __slots__ = ("_alarm", "_limit", "_seconds")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def __aenter__(self) -> Self:
        self._limit = asyncio.timeout(None)  # noqa: TID251 - what it is made of
        await self._limit.__aenter__()
        loop = asyncio.get_running_loop()
        self._alarm = Alarm(loop, loop.time() + self._seconds, self._end)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._alarm.cancel()
        await self._limit.__aexit__(kind, error, traceback)

    def expired(self) -> bool:
        """Say whether it was over: what the block raises by itself is another matter."""
        return self._limit.expired()

    def _end(self) -> None:
        self._limit.reschedule(asyncio.get_running_loop().time())


def _spare_seconds(late_seconds: float) -> float:
    return min(max(late_seconds, SPARE_SECONDS), MOST_SPARE_SECONDS)
