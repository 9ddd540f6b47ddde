"""Looking at this process itself."""

from __future__ import annotations

from paseport_shared.adapters.issuer.service_counters import counters_of
from paseport_shared.domain.models.service_reading import ServiceReading
from prometheus_client import CollectorRegistry

from paseport_api.use_cases.check_readiness import CheckReadiness


class OwnMonitor:
    """``ServiceMonitor`` of the api in its own process: what ``/metrics`` would say, without asking over HTTP."""

    def __init__(self, readiness: CheckReadiness, registry: CollectorRegistry) -> None:
        self._readiness = readiness
        self._registry = registry

    async def read(self) -> ServiceReading:
        """Return the parts and counters of this process."""
        return ServiceReading(await self._readiness(), counters_of(self._registry.collect()))
