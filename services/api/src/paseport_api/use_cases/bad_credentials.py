"""Keeping whoever guesses credentials from asking on and on (FA-18)."""

from __future__ import annotations

from collections import OrderedDict
from datetime import timedelta
from typing import Final

from paseport.clock import Clock
from paseport_shared.domain.models.rate_limit import LocalRates, RateLimit, RateVerdict

_REMEMBERED: Final = 10_000
WINDOW: Final = timedelta(minutes=1)


class BadCredentials:
    """Counts what did not fit, by client address, in this process.

    An address that used up its tries is refused until some of them are forgotten, before anything is looked up for it.
    What was genuine when it was last seen is not looked at here: those who share the address go on.
    """

    def __init__(self, per_minute: int, clock: Clock, *, shares: int = 1) -> None:
        """Allow ``per_minute`` tries of one address, divided by ``shares`` processes; 0 allows any number."""
        self._limit = RateLimit(per_minute, WINDOW) if per_minute else None
        self._clock = clock
        self._rates = LocalRates(shares=shares, kept=_REMEMBERED)
        self._refused: OrderedDict[str, tuple[RateVerdict, float]] = OrderedDict()

    def refusal(self, address: str | None) -> RateVerdict | None:
        """Return why the address may not try another one now, or None where it may."""
        held = self._refused.get(address or "")
        if held is None:
            return None
        verdict, until = held
        left = until - self._clock.monotonic()
        if left <= 0:
            del self._refused[address or ""]
            return None
        return RateVerdict(is_allowed=False, limit=verdict.limit, remaining=0, reset_seconds=left)

    def note(self, address: str | None) -> None:
        """Count one that did not fit."""
        if self._limit is None:
            return
        moment = self._clock.monotonic()
        verdict = self._rates.take(address or "", self._limit, moment)
        if verdict.is_allowed and verdict.remaining:
            return
        self._refused[address or ""] = (verdict, moment + verdict.reset_seconds)
        if len(self._refused) > _REMEMBERED:
            self._refused.popitem(last=False)
