"""Limits on guessing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``count`` attempts in any span of ``window``."""

    count: int
    window: timedelta


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt against one counter, e.g. ``login:account:<id>``."""

    key: str
    limit: Limit


class AttemptLimiter(Protocol):
    """Exact sliding windows. Raises ``Unavailable`` when the counters do not answer."""

    async def take(self, attempts: Sequence[Attempt], now: datetime) -> None:
        """Count one attempt on every key, or, where any is used up, on none and raise ``TooManyAttempts``.

        Atomic: of concurrent callers no more than ``count`` pass. ``retry_after`` is when the fullest key frees up.
        """
        ...

    async def forgive(self, key: str) -> None:
        """Forget the attempts of a key: the right password was given."""
        ...
