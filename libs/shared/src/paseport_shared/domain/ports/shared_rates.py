"""Limits that are counted in one place for all nodes."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from paseport_shared.domain.models.rate_limit import RateLimit, RateVerdict


class SharedRates(Protocol):
    """Exact sliding windows."""

    async def take(self, key: str, limit: RateLimit, now: datetime) -> RateVerdict:
        """Count one request, unless the limit is used up: then nothing is counted. Atomic; one round trip.

        Raises ``Unavailable``; then it may or may not have been counted.
        """
        ...
