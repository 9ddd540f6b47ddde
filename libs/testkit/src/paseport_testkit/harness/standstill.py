"""Noticing that the machine stands still: what a test measures then says nothing about the product.

In a virtual machine that is not served for two seconds every deadline passes at once, and Sentinels that wake up then
do nothing for half a minute (their TILT mode). Tests with deadlines are marked ``deadlines``; one that fails while this
notices a standstill is done again.
"""

from __future__ import annotations

import threading
import time
from typing import Final, Self

EXCUSE_SECONDS: Final = 0.5
"""Standing still for less than this in all misses no deadline of a second or more."""
_BEAT_SECONDS: Final = 0.05
_NOTICED_SECONDS: Final = 0.1
"""A beat that is late by less only waited for its turn."""


class MachineStoodStill(Exception):
    """A test failed while the machine stood still; it is to be done again."""


class Violated(AssertionError):
    """Something happened that must never happen, however slow the machine is. No standstill excuses it."""


class Heartbeat:
    """A thread that should wake up twenty times a second, and notes by how much it is late."""

    def __init__(self) -> None:
        self._late: list[tuple[float, float]] = []
        self._thread: threading.Thread | None = None

    def started(self) -> Self:
        """Begin to beat, unless it does already."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
            self._thread.start()
        return self

    def stood_still_seconds(self, since: float, until: float | None = None) -> float:
        """Return for how long nothing ran between two moments of the monotonic clock, as far as that was noticed."""
        end = time.monotonic() if until is None else until
        return sum(max(0.0, min(end, awake) - max(since, asleep)) for asleep, awake in tuple(self._late))

    def _beat(self) -> None:
        due = time.monotonic() + _BEAT_SECONDS
        while True:
            time.sleep(max(0.0, due - time.monotonic()))
            now = time.monotonic()
            if now - due > _NOTICED_SECONDS:
                self._late.append((due, now))
            due = now + _BEAT_SECONDS


HEARTBEAT: Final = Heartbeat()
"""The one of this process."""
