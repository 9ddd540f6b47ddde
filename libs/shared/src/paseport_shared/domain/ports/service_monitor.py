"""Looking at a running service."""

from __future__ import annotations

from typing import Protocol

from paseport_shared.domain.models.service_reading import ServiceReading


class ServiceMonitor(Protocol):
    """Reads the health and the counters of one service. Nothing is decided by it: it is for people who operate it."""

    async def read(self) -> ServiceReading:
        """Return what the service says of itself now. Raises ``Unavailable`` when it does not answer."""
        ...
