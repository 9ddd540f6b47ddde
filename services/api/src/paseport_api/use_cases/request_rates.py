"""From counters to rates."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from paseport_shared.domain.models.service_reading import Counters

WINDOW_SECONDS: Final = 60.0
# Closer samples add nothing; with this distance the window holds a dozen, however often somebody looks.
_SAMPLE_EVERY_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Rates:
    """``per_minute`` counts requests; ``error_rate`` is the share of them that failed, 0 to 1."""

    per_minute: float
    error_rate: float


@dataclass(frozen=True, slots=True)
class _Sample:
    at: float
    requests: int
    errors: int


class RequestRates:
    """Rates of one service over the last minute, or since the previous look where that is longer ago.

    The first look measures from the start of the service, when its counters were zero.
    """

    def __init__(self) -> None:
        self._started_at: datetime | None = None
        self._samples: deque[_Sample] = deque()

    def update(self, counters: Counters, *, now: datetime, monotonic: float) -> Rates:
        """Take a look into account and return the rates up to now. ``monotonic`` is in seconds and never goes back."""
        sample = _Sample(monotonic, counters.requests, counters.errors)
        if counters.started_at != self._started_at or self._ran_backwards(sample):
            self._started_at = counters.started_at
            uptime = max((now - counters.started_at).total_seconds(), 0.0)
            self._samples = deque([_Sample(monotonic - uptime, 0, 0)])
        while len(self._samples) > 1 and self._samples[1].at <= monotonic - WINDOW_SECONDS:
            self._samples.popleft()
        rates = _between(self._samples[0], sample)
        if monotonic - self._samples[-1].at >= _SAMPLE_EVERY_SECONDS:
            self._samples.append(sample)
        return rates

    def _ran_backwards(self, sample: _Sample) -> bool:
        last = self._samples[-1]
        return sample.requests < last.requests or sample.errors < last.errors


def _between(earlier: _Sample, later: _Sample) -> Rates:
    requests = later.requests - earlier.requests
    seconds = later.at - earlier.at
    return Rates(
        per_minute=requests * 60 / seconds if seconds > 0 else 0.0,
        error_rate=(later.errors - earlier.errors) / requests if requests else 0.0,
    )
