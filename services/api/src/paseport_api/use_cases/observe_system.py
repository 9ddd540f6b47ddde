"""How the parts of the installation are doing, for the people who look at the dashboard."""

from __future__ import annotations

import asyncio
import enum
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Literal

from paseport.clock import Clock
from paseport.deadline import Deadline
from paseport.revocation_list import FeedState, RevocationList
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.service_reading import Part, Pool, ServiceReading
from paseport_shared.domain.ports.service_monitor import ServiceMonitor

from paseport_api.use_cases.request_rates import RequestRates

ServiceName = Literal["issuer", "api"]
ISSUER: Final = "issuer"
API: Final = "api"
KEPT_SECONDS: Final = 1.0
DEADLINE_SECONDS: Final = 2.0
_LOOKS: Final = 2
"""The latest one, and one that somebody still has in hand."""


class ServiceStatus(enum.Enum):
    """UP: answers and lacks nothing. DEGRADED: answers, a part is missing. DOWN: does not answer."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Figures:
    """Version and counters of a service. ``error_rate`` is a share, 0 to 1."""

    version: str
    uptime_seconds: int
    requests_total: int
    requests_per_minute: float
    error_rate: float


@dataclass(frozen=True, slots=True)
class ServiceView:
    """One service. What is unknown, or not for the eyes of whoever looks, is None or empty."""

    name: ServiceName
    status: ServiceStatus
    figures: Figures | None = None
    parts: tuple[Part, ...] = ()
    pools: tuple[Pool, ...] = ()
    feed: FeedState | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SystemView:
    """All services of the installation, as one look found them: what is made of a look is made once."""

    services: tuple[ServiceView, ...]

    @property
    def is_operational(self) -> bool:
        """Whether every service is up and lacks nothing."""
        return all(service.status is ServiceStatus.UP for service in self.services)

    def without_details(self) -> SystemView:
        """Return what everybody may see: which service is up. The rest helps to attack it."""
        return _without_details(self)


@lru_cache(maxsize=_LOOKS)
def _without_details(view: SystemView) -> SystemView:
    return SystemView(tuple(ServiceView(service.name, service.status) for service in view.services))


class ObserveSystem:
    """Looks at the issuer and at the api itself, at most once a second whoever asks.

    An issuer that is slow or gone is DOWN after two seconds at most; nothing here raises ``Unavailable``.
    """

    def __init__(self, issuer: ServiceMonitor, api: ServiceMonitor, revocations: RevocationList, clock: Clock) -> None:
        self._issuer = issuer
        self._api = api
        self._revocations = revocations
        self._clock = clock
        self._rates: dict[ServiceName, RequestRates] = {ISSUER: RequestRates(), API: RequestRates()}
        self._looking = asyncio.Lock()
        self._seen: tuple[float, SystemView] | None = None

    async def __call__(self) -> SystemView:
        """Return how the system is doing, from a look that is at most a second old."""
        recent = self._recent()
        if recent is not None:
            return recent
        # One looks and the others wait for it: many dashboards are not many requests to the issuer. With a lock, a
        # caller who gives up while looking ends only its own look, and the next one in line takes over.
        async with self._looking:
            recent = self._recent()
            if recent is None:
                recent = await self._look()
                self._seen = (self._clock.monotonic(), recent)
            return recent

    def _recent(self) -> SystemView | None:
        if self._seen is None:
            return None
        seen_at, view = self._seen
        return view if self._clock.monotonic() - seen_at < KEPT_SECONDS else None

    async def _look(self) -> SystemView:
        issuer = await self._look_at(ISSUER, self._issuer)
        api = await self._look_at(API, self._api)
        feed = self._revocations.state()
        if api.status is ServiceStatus.UP and not feed.is_fresh:
            api = replace(api, status=ServiceStatus.DEGRADED)
        return SystemView((issuer, replace(api, feed=feed)))

    async def _look_at(self, name: ServiceName, monitor: ServiceMonitor) -> ServiceView:
        try:
            async with Deadline(DEADLINE_SECONDS):
                reading = await monitor.read()
        except (Unavailable, TimeoutError):
            return ServiceView(name, ServiceStatus.DOWN)
        is_whole = all(part.is_up for part in reading.parts)
        return ServiceView(
            name,
            ServiceStatus.UP if is_whole else ServiceStatus.DEGRADED,
            self._figures(name, reading),
            reading.parts,
            reading.counters.pools if reading.counters is not None else (),
        )

    def _figures(self, name: ServiceName, reading: ServiceReading) -> Figures | None:
        counters = reading.counters
        if counters is None:
            return None
        now = self._clock.now()
        rates = self._rates[name].update(counters, now=now, monotonic=self._clock.monotonic())
        return Figures(
            version=counters.version,
            uptime_seconds=max(int((now - counters.started_at).total_seconds()), 0),
            requests_total=counters.requests,
            requests_per_minute=rates.per_minute,
            error_rate=rates.error_rate,
        )
