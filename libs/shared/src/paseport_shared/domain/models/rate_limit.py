"""How often somebody may be let in."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

SKEW: Final = timedelta(seconds=1)
"""How far the clocks of nodes that count together may be apart, for their counts to be exact."""
_KEPT: Final = 50_000
_EXACT: Final = 1_000
_MOMENT: Final = 0.001
"""Seconds behind the border of a window, on which there is no room yet."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most ``count`` requests in ``window``.

    A ``strict`` one is counted in one place for all nodes. Any other is counted by each process on its own, which
    gets its share of it.
    """

    count: int
    window: timedelta
    strict: bool = False


@dataclass(frozen=True, slots=True)
class RateVerdict:
    """What is left of a limit.

    ``reset_seconds`` (``RateLimit-Reset``): of a refusal, after how long a request is let in again, which is the
    ``Retry-After`` too; else after how long the window ends that this request counts in.
    """

    is_allowed: bool
    limit: int
    remaining: int
    reset_seconds: float


def grain(limit: RateLimit) -> timedelta:
    """Return how exactly the moments of requests are kept that are counted in one place: zero is as they were.

    Of more than a thousand in a window, those of the same thousandth of it count until the last of them does not. So a
    limit is never exceeded, costs no more memory than that, and lets somebody in again a thousandth too late at most.
    """
    return timedelta(0) if limit.count <= _EXACT else limit.window // _EXACT


class LocalRates:
    """Counts in this process, without I/O.

    Windows of fixed length begin with a first request, and what the window before had counts by the part of it that the
    sliding window still covers. At most ``kept`` keys are remembered; the one that came longest ago is forgotten.

    ``shares``: how many processes count side by side; each allows its part, at least one request.
    """

    def __init__(self, *, shares: int = 1, kept: int = _KEPT) -> None:
        self._shares = shares
        self._kept = kept
        self._windows: OrderedDict[str, list[float]] = OrderedDict()

    def take(self, key: str, limit: RateLimit, moment: float) -> RateVerdict:
        """Count one request at ``moment`` (monotonic seconds), unless the limit is used up: then nothing is counted."""
        seconds = limit.window.total_seconds()
        allowed = max(1, math.ceil(limit.count / self._shares))
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = [moment, 0.0, 0.0]
            if len(self._windows) > self._kept:
                self._windows.popitem(last=False)
        else:
            self._windows.move_to_end(key)
        passed = moment - window[0]
        if passed >= seconds:
            whole = passed // seconds
            # began, in this window, in the one before
            window[:] = [window[0] + whole * seconds, 0.0, window[1] if whole == 1 else 0.0]
            passed = moment - window[0]
        before = window[2] * (1 - passed / seconds)
        used = window[1] + before
        if used >= allowed:
            return RateVerdict(False, allowed, 0, self._wait(window, allowed, seconds) - passed)
        window[1] += 1
        return RateVerdict(True, allowed, max(0, math.floor(allowed - used - 1)), seconds - passed)

    def admits(self, key: str, limit: RateLimit, moment: float) -> bool:
        """Count as ``take`` does and say only whether there was room: for whoever asks with every request."""
        window = self._windows.get(key)
        if window is not None:
            passed, seconds = moment - window[0], limit.window.total_seconds()
            if passed < seconds and window[1] + window[2] * (1 - passed / seconds) < limit.count / self._shares:
                self._windows.move_to_end(key)
                window[1] += 1
                return True
        return self.take(key, limit, moment).is_allowed

    @staticmethod
    def _wait(window: list[float], allowed: int, seconds: float) -> float:
        """Return after how long, from the beginning of a window that is used up, there is room again."""
        if window[1] >= allowed:
            return seconds + _MOMENT
        return seconds * (1 - (allowed - window[1]) / window[2]) + _MOMENT
