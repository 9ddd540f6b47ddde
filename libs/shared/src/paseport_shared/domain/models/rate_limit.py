"""How often somebody may be let in."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

_KEPT: Final = 50_000


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
    """What is left of a limit. ``reset_seconds``: after how long all of it is there again (``RateLimit-Reset``)."""

    is_allowed: bool
    limit: int
    remaining: int
    reset_seconds: float


class LocalRates:
    """Counts in this process, without I/O.

    Windows of fixed length begin with a first request, and what the window before had counts by the part of it that the
    sliding window still covers. At most ``kept`` keys are remembered, and who comes least often is forgotten.

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
        used = window[1] + window[2] * (1 - passed / seconds)
        is_allowed = used + 1 <= allowed
        if is_allowed:
            window[1] += 1
            used += 1
        return RateVerdict(is_allowed, allowed, max(0, math.floor(allowed - used)), seconds - passed)
