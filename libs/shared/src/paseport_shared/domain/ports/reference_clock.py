"""A second opinion on what time it is."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class ReferenceClock(Protocol):
    """The clock of a machine that all services ask. Nothing is decided by it: it tells when our own clock is wrong."""

    async def time(self) -> datetime:
        """Return its time, aware, in UTC. Raises ``Unavailable``."""
        ...
