"""Looking at the issuer from outside."""

from __future__ import annotations

from typing import Final, Literal

import msgspec
from paseport.issuer_client import Answer

from paseport_shared.adapters.issuer.internal_client import InternalClient
from paseport_shared.adapters.issuer.service_counters import read_counters
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.service_reading import Counters, Part, ServiceReading

# Two requests, one after the other: together they stay below the 2 s that a dashboard may wait.
_DEADLINE_SECONDS: Final = 0.9
_HEALTH_ANSWERS: Final = frozenset({200, 503})


class _Part(msgspec.Struct, frozen=True):
    name: str
    status: Literal["up", "down"]
    detail: str | None = None


class _Readiness(msgspec.Struct, frozen=True):
    parts: tuple[_Part, ...]


class IssuerMonitor:
    """``ServiceMonitor`` over the issuer's ``GET /health/ready`` and ``GET /metrics``."""

    def __init__(self, client: InternalClient) -> None:
        self._client = client

    async def read(self) -> ServiceReading:
        """Return the issuer's parts and counters. Raises ``Unavailable`` when its health cannot be had.

        Metrics that cannot be read are a part that is down, not an issuer that is.
        """
        health = await self._client.get("/health/ready", statuses=_HEALTH_ANSWERS, deadline_seconds=_DEADLINE_SECONDS)
        parts = _parts(health)
        counters = await self._counters()
        if counters is None:
            parts = (*parts, Part("metrics", is_up=False, detail="The figures cannot be read."))
        return ServiceReading(parts, counters)

    async def _counters(self) -> Counters | None:
        try:
            return read_counters((await self._client.get("/metrics", deadline_seconds=_DEADLINE_SECONDS)).body)
        except Unavailable:
            return None


def _parts(health: Answer) -> tuple[Part, ...]:
    return tuple(Part(part.name, part.status == "up", part.detail) for part in health.read_as(_Readiness).parts)
