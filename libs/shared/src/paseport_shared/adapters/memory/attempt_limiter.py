"""Limits on guessing, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.tidying import TidyingPace
from paseport_shared.domain.errors import TooManyAttempts
from paseport_shared.domain.ports.attempt_limiter import Attempt


@dataclass(slots=True)
class _Window:
    """The attempts of one key that still count, oldest first: never more than its limit."""

    length: timedelta
    taken_at: list[datetime] = field(default_factory=list)

    def slide(self, now: datetime) -> None:
        # A wall clock that was set back must neither free a key nor lock it until the old time comes round again:
        # attempts from the future count as made now.
        self.taken_at = [min(at, now) for at in self.taken_at if at + self.length > now]


class MemoryAttemptLimiter:
    """``AttemptLimiter`` with the exact time of each attempt. ``take`` awaits nothing, so it is one atomic step."""

    def __init__(self, outage: MemoryOutage | None = None) -> None:
        self._outage = outage or MemoryOutage()
        self._windows: dict[str, _Window] = {}
        self._pace = TidyingPace()

    async def take(self, attempts: Sequence[Attempt], now: datetime) -> None:
        """Count one attempt on every key, or, where any is used up, on none and raise ``TooManyAttempts``."""
        self._outage.check()
        waits = [wait for attempt in attempts if (wait := self._wait(attempt, now)) is not None]
        if waits:
            raise TooManyAttempts(max(waits), "attempt limit is used up")
        if self._pace.is_due(len(self._windows)):
            self._tidy(now)
        for attempt in {attempt.key: attempt for attempt in attempts}.values():
            window = self._windows.setdefault(attempt.key, _Window(attempt.limit.window))
            window.length = attempt.limit.window
            window.taken_at.append(now)

    async def forgive(self, key: str) -> None:
        """Forget the attempts of a key: the right password was given."""
        self._outage.check()
        self._windows.pop(key, None)

    def _wait(self, attempt: Attempt, now: datetime) -> timedelta | None:
        """Return how long the key stays used up, or None while it has room."""
        window = self._windows.get(attempt.key)
        if window is None:
            return attempt.limit.window if attempt.limit.count < 1 else None
        window.length = attempt.limit.window
        window.slide(now)
        excess = len(window.taken_at) - attempt.limit.count
        if excess < 0:
            return None
        if excess == len(window.taken_at):
            return attempt.limit.window
        return window.taken_at[excess] + window.length - now

    def _tidy(self, now: datetime) -> None:
        for key, window in tuple(self._windows.items()):
            window.slide(now)
            if not window.taken_at:
                del self._windows[key]
        self._pace.swept(len(self._windows))
