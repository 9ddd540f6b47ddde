"""A clock that stands still until somebody moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

START: Final = datetime(2026, 1, 1, tzinfo=UTC)


class ManualClock:
    """``Clock`` for tests and rehearsals: wall and monotonic time move together, by hand."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start.astimezone(UTC)
        self._monotonic = 1000.0

    def now(self) -> datetime:
        """Return the time it was set to, aware, in UTC."""
        return self._now

    def monotonic(self) -> float:
        """Return seconds that never go back, even when the wall clock is set back."""
        return self._monotonic

    def advance(self, step: timedelta | float) -> datetime:
        """Let time pass (a plain number counts seconds) and return the new ``now``; ValueError for a step back."""
        delta = step if isinstance(step, timedelta) else timedelta(seconds=step)
        if delta < timedelta(0):
            message = "time passes forwards; set_wall_clock turns the wall clock back"
            raise ValueError(message)
        self._now += delta
        self._monotonic += delta.total_seconds()
        return self._now

    def set_wall_clock(self, now: datetime) -> None:
        """Set the wall clock, also back, as an operator or NTP does. No time passes."""
        self._now = now.astimezone(UTC)
