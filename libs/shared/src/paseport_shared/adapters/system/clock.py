"""The computer's clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SystemClock:
    """``Clock`` of the operating system."""

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never go back, whatever happens to the wall clock."""
        return time.monotonic()
