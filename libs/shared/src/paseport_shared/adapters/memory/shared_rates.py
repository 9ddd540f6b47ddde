"""Limits that are counted for all nodes, in the memory of the only one."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.tidying import TidyingPace
from paseport_shared.domain.models.rate_limit import SKEW, RateLimit, RateVerdict, grain

_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


@dataclass(slots=True)
class _Requests:
    at: datetime
    count: int


@dataclass(slots=True)
class _Window:
    """The requests of one key that still count, oldest first. They end ``length`` after the last one."""

    length: timedelta
    requests: deque[_Requests] = field(default_factory=deque)
    total: int = 0

    def slide(self, now: datetime) -> datetime:
        """Forget what does not count any more, and return the moment that is now for this key."""
        if self.requests and self.requests[-1].at > now:
            if self.requests[-1].at - now <= SKEW:
                now = self.requests[-1].at
            else:
                # A wall clock that was set back must neither free a key nor lock it until the old time comes round
                # again: requests from the future count as made now.
                for late in self.requests:
                    late.at = min(late.at, now)
        while self.requests and self.requests[0].at + self.length <= now:
            self.total -= self.requests.popleft().count
        return now

    def wait(self, limit: int, now: datetime) -> timedelta:
        """Return after how long there is room, where there is none. More than the limit is held if it was lowered."""
        left = self.total
        for some in self.requests:
            left -= some.count
            if left < limit:
                return some.at + self.length - now
        return self.length


class MemorySharedRates:
    """``SharedRates`` of one process. ``take`` awaits nothing, so it is one atomic step."""

    def __init__(self, outage: MemoryOutage | None = None) -> None:
        self._outage = outage or MemoryOutage()
        self._windows: dict[str, _Window] = {}
        self._pace = TidyingPace()

    async def take(self, key: str, limit: RateLimit, now: datetime) -> RateVerdict:
        """See ``SharedRates.take``."""
        self._outage.check()
        if self._pace.is_due(len(self._windows)):
            self._tidy(now)
        window = self._windows.setdefault(key, _Window(limit.window))
        window.length = limit.window
        now = window.slide(now)
        if window.total >= limit.count:
            return RateVerdict(False, limit.count, 0, window.wait(limit.count, now).total_seconds())
        size = grain(limit)
        last = window.requests[-1] if window.requests else None
        if last is not None and size and (last.at - _EPOCH) // size == (now - _EPOCH) // size:
            last.at = now
            last.count += 1
        else:
            window.requests.append(_Requests(now, 1))
        window.total += 1
        return RateVerdict(True, limit.count, limit.count - window.total, limit.window.total_seconds())

    def _tidy(self, now: datetime) -> None:
        for key, window in tuple(self._windows.items()):
            window.slide(now)
            if not window.requests:
                del self._windows[key]
        self._pace.swept(len(self._windows))
