"""Time travel."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Final

_STANDING_STILL: Final = timedelta(0)


class TravelClock:
    """``paseport.clock.Clock`` that goes on by itself and that a test moves. A verifier takes it as ``clock=``.

    It moves what verifiers and the fake issuer read from it, and nothing else: sleeps, deadlines and the long polls of
    a feed take the time that they take.
    """

    def __init__(self) -> None:
        self._travelled = _STANDING_STILL
        self._elapsed_seconds = 0.0

    def now(self) -> datetime:
        """Return the current time, aware, in UTC, as far away as was travelled."""
        return datetime.now(UTC) + self._travelled

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic() + self._elapsed_seconds

    def travel(self, by: timedelta) -> None:
        """Move the calendar, forwards or backwards: tokens end or are not yet good, copies stay as young as they are.

        As though the clock of this machine had been set.
        """
        self._travelled += by

    def elapse(self, by: timedelta) -> None:
        """Let time pass: the calendar moves and copies grow older, too old where nothing renews them.

        ``ValueError`` for less than nothing.
        """
        if by < _STANDING_STILL:
            message = "time does not pass backwards; `travel` sets the calendar back"
            raise ValueError(message)
        self._travelled += by
        self._elapsed_seconds += by.total_seconds()
