"""Prometheus metrics of one service, in a registry of its own.

Names are read by ``paseport_shared.adapters.issuer.service_counters`` for the dashboard. No label holds anything that a
client chose: routes are templates, unknown methods are ``OTHER``.
"""

from __future__ import annotations

import time
from typing import Final, Protocol

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Pool(Protocol):
    """A bounded pool as an adapter shows it."""

    @property
    def in_use(self) -> int:
        """Callers that it serves now."""
        ...

    @property
    def capacity(self) -> int:
        """Callers that it can serve at once."""
        ...

    @property
    def waiting(self) -> int:
        """Callers that wait for it."""
        ...


class ServiceMetrics:
    """What every service measures of itself. One object for all ports of a service."""

    def __init__(self, service: str, version: str) -> None:
        self.registry = CollectorRegistry()
        build = Gauge("paseport_build_info", "Version of the service.", ("service", "version"), registry=self.registry)
        build.labels(service, version).set(1)
        started = Gauge("paseport_start_time_seconds", "When the service started, Unix time.", registry=self.registry)
        started.set(time.time())
        self._requests = Counter(
            "paseport_http_requests",
            "Answers by method, route template and class of status.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._duration = Histogram(
            "paseport_http_request_duration_seconds",
            "Time from the request to the end of its answer.",
            ("method", "route"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        # Looking a series up by its labels costs more than counting; there are as many as routes have answers.
        self._series: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._pools = {
            figure: Gauge(f"paseport_pool_{figure}", help_text, ("pool",), registry=self.registry)
            for figure, help_text in {
                "in_use": "Callers that a bounded pool serves now.",
                "capacity": "Callers that a bounded pool can serve at once.",
                "waiting": "Callers that wait for a bounded pool.",
            }.items()
        }

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer. ``method`` and ``route`` come from a fixed set; the status counts by class (``4xx``)."""
        key = (method, route, status // 100)
        series = self._series.get(key)
        if series is None:
            series = (self._requests.labels(method, route, f"{key[2]}xx"), self._duration.labels(method, route))
            self._series[key] = series
        requests, duration = series
        requests.inc()
        duration.observe(seconds)

    def watch_pool(self, name: str, pool: Pool) -> None:
        """Publish a pool's use, read whenever metrics are."""
        self._pools["in_use"].labels(name).set_function(lambda: pool.in_use)
        self._pools["capacity"].labels(name).set_function(lambda: pool.capacity)
        self._pools["waiting"].labels(name).set_function(lambda: pool.waiting)

    def render(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)


def metrics_handler(metrics: ServiceMetrics, path: str = "/metrics") -> HTTPRouteHandler:
    """Return the handler that serves the metrics; only the internal port mounts it."""

    @get(path, include_in_schema=False, sync_to_thread=False)
    def read_metrics() -> Response[bytes]:
        """Return the metrics."""
        return Response(metrics.render(), media_type=CONTENT_TYPE_LATEST)

    return read_metrics
