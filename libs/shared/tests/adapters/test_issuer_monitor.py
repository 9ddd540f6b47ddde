"""The api looks at the issuer for its dashboard: health and metrics, whatever state they are in."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from paseport.issuer_client import open_http_client
from paseport.secret import Secret
from paseport_shared.adapters.issuer.internal_client import InternalClient
from paseport_shared.adapters.issuer.issuer_monitor import IssuerMonitor
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.service_reading import Counters, Part, Pool

READY = {"status": "ready", "parts": [{"name": "record", "status": "up"}]}
METRICS = """\
# TYPE paseport_build_info gauge
paseport_build_info{service="issuer",version="0.1.0"} 1
# TYPE paseport_start_time_seconds gauge
paseport_start_time_seconds 1.7672256e+09
# TYPE paseport_http_requests_total counter
paseport_http_requests_total{method="GET",route="/users/v1",status="200"} 40
paseport_http_requests_total{method="GET",route="/users/v1",status="503"} 2
paseport_http_requests_total{method="POST",route="/auth/v1/login/local",status="401"} 8
# TYPE paseport_pool_in_use gauge
paseport_pool_in_use{pool="password_hashing"} 1
# TYPE paseport_pool_capacity gauge
paseport_pool_capacity{pool="password_hashing"} 2
# TYPE paseport_pool_waiting gauge
paseport_pool_waiting{pool="password_hashing"} 5
"""


def monitor(handler: Callable[[httpx.Request], httpx.Response]) -> IssuerMonitor:
    client = open_http_client("http://issuer.internal", httpx.MockTransport(handler))
    return IssuerMonitor(InternalClient(client, Secret("the service secret")))


def issuer(health: object = READY, metrics: str = METRICS, *, status: int = 200, **other: Any) -> IssuerMonitor:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/health/ready":
            return httpx.Response(status, json=health)
        return httpx.Response(other.get("metrics_status", 200), text=metrics)

    return monitor(handler)


async def test_an_issuer_in_order_shows_parts_counters_and_pools() -> None:
    reading = await issuer().read()

    assert reading.parts == (Part("record", is_up=True),)
    assert reading.counters == Counters(
        version="0.1.0",
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        requests=50,
        errors=2,
        pools=(Pool("password_hashing", in_use=1, capacity=2, waiting=5),),
    )


async def test_an_issuer_that_is_not_ready_names_what_it_lacks() -> None:
    down = {"status": "not_ready", "parts": [{"name": "record", "status": "down", "detail": "It does not answer."}]}

    reading = await issuer(down, status=503).read()

    assert reading.parts == (Part("record", is_up=False, detail="It does not answer."),)


@pytest.mark.parametrize(
    "metrics",
    [
        "",
        "not { metrics",
        METRICS.replace("paseport_build_info", "other_info"),
        METRICS.replace("1.7672256e+09", "NaN"),
        METRICS.replace("1.7672256e+09", "+Inf"),
        METRICS.replace("} 40", "} NaN"),
        METRICS.replace("status=", "outcome="),
    ],
)
async def test_metrics_that_cannot_be_read_are_one_part_down_and_not_the_issuer(metrics: str) -> None:
    reading = await issuer(metrics=metrics).read()

    assert reading.counters is None
    assert [part.name for part in reading.parts if not part.is_up] == ["metrics"]


async def test_metrics_that_are_refused_are_one_part_down() -> None:
    reading = await issuer(metrics_status=401).read()

    assert reading.counters is None


@pytest.mark.parametrize("status", [401, 404, 500])
async def test_an_issuer_without_a_health_answer_is_unavailable(status: int) -> None:
    with pytest.raises(Unavailable):
        await issuer(status=status).read()


async def test_an_issuer_that_does_not_answer_is_unavailable() -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(Unavailable):
        await monitor(refuse).read()
