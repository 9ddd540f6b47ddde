"""Noticing that the machine stands still: what a test measures then says nothing about the product.

In a virtual machine that is not served for two seconds every deadline passes at once, and Sentinels that wake up then
do nothing for half a minute (their TILT mode). It is as bad where only one of its processors is not served: a process
that ran there waits for it, whatever the others do. Tests with deadlines are marked ``deadlines``; one that fails while
this notices a standstill, or soon after it, is done again.
"""

from __future__ import annotations

import os
import select
import sys
import threading
import time
from pathlib import Path
from typing import Final, Self

EXCUSE_SECONDS: Final = 0.5
"""Standing still for less than this in all misses no deadline of a second or more."""
AFTERMATH_SECONDS: Final = 30.0
"""For so long Sentinels do nothing after a standstill."""
_BEAT_SECONDS: Final = 0.05
_NOTICED_SECONDS: Final = 0.1
"""A beat that is late by less only waited for its turn."""


class MachineStoodStill(Exception):
    """A test failed while the machine stood still; it is to be done again."""


class Violated(AssertionError):
    """Something happened that must never happen, however slow the machine is. No standstill excuses it."""


class Heartbeat:
    """Threads that should wake up twenty times a second, and note by how much they are late.

    One on each processor, and one that any of them may run: that one is late only where nothing ran.
    """

    def __init__(self) -> None:
        self._late: list[tuple[int, float, float]] = []
        self._due: dict[int, float] = {}

    def started(self) -> Self:
        """Begin to beat, unless it does already."""
        if not self._due:
            for processor in (_ANY, *_processors()):
                self._due[processor] = time.monotonic() + _BEAT_SECONDS
                name = f"heartbeat-{processor}"
                threading.Thread(target=self._beat, args=(processor,), name=name, daemon=True).start()
        return self

    def stood_still_seconds(self, since: float, until: float | None = None) -> float:
        """Return for how long a processor did not run between two moments of the monotonic clock.

        That is: as far as it was noticed; and two that stood still at the same time did so once.
        """
        return self._late_seconds({*self._due}, since, until)

    def nothing_ran_seconds(self, since: float, until: float | None = None) -> float:
        """Return for how long no processor ran, which is during which nobody could be told anything."""
        return self._late_seconds({_ANY}, since, until)

    def write_down(self, file: Path, ended: int) -> None:
        """Write each standstill to a file: when it began and ended, in milliseconds since 1970.

        Goes on until the descriptor ``ended`` can be read from, or its other end is closed. For who is no Python.
        """
        since_1970 = time.time() - time.monotonic()
        written = 0
        with file.open("w") as output:
            while not select.select([ended], [], [], _BEAT_SECONDS)[0]:
                for _, asleep, awake in self._late[written:]:
                    written += 1
                    output.write(f"{(asleep + since_1970) * 1000:.0f} {(awake + since_1970) * 1000:.0f}\n")
                output.flush()

    def _late_seconds(self, processors: set[int], since: float, until: float | None) -> float:
        now = time.monotonic()
        end = now if until is None else until
        # One may stand still now.
        ongoing = [(processor, due, now) for processor, due in self._due.items() if now - due > _NOTICED_SECONDS]
        late = [(asleep, awake) for processor, asleep, awake in (*self._late, *ongoing) if processor in processors]
        seconds = 0.0
        for asleep, awake in sorted(late):
            seconds += max(0.0, min(end, awake) - max(since, asleep))
            since = max(since, awake)
        return seconds

    def _beat(self, processor: int) -> None:
        if processor != _ANY:
            os.sched_setaffinity(0, {processor})
        while True:
            due = self._due[processor]
            time.sleep(max(0.0, due - time.monotonic()))
            now = time.monotonic()
            if now - due > _NOTICED_SECONDS:
                self._late.append((processor, due, now))
            self._due[processor] = now + _BEAT_SECONDS


_ANY: Final = -1


def _processors() -> list[int]:
    """Those that this process may use, where the system tells and lets a thread choose (Linux)."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


HEARTBEAT: Final = Heartbeat()
"""The one of this process."""

if __name__ == "__main__":
    HEARTBEAT.started().write_down(Path(sys.argv[1]), sys.stdin.fileno())
