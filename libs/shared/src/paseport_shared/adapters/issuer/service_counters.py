"""What the metrics of a service say, in the words of the domain."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.service_reading import Counters, Pool


def read_counters(exposition: bytes) -> Counters:
    """Return the counters in a page of Prometheus text. Raises ``Unavailable`` when they are not all there."""
    try:
        return counters_of(text_string_to_metric_families(exposition.decode()))
    except (ValueError, KeyError, OverflowError) as error:
        raise Unavailable(f"the metrics are not readable: {error!r}") from error


def counters_of(families: Iterable[Metric]) -> Counters:
    """Return the counters in a registry's or a page's metrics. ``KeyError`` names one that is missing."""
    samples: defaultdict[str, list[Sample]] = defaultdict(list)
    for family in families:
        for sample in family.samples:
            samples[sample.name].append(sample)
    requests = samples["paseport_http_requests_total"]
    return Counters(
        version=_only(samples, "paseport_build_info").labels["version"],
        started_at=datetime.fromtimestamp(_only(samples, "paseport_start_time_seconds").value, UTC),
        requests=int(sum(sample.value for sample in requests)),
        errors=int(sum(sample.value for sample in requests if sample.labels["status"].startswith("5"))),
        pools=_pools(samples),
    )


def _only(samples: defaultdict[str, list[Sample]], name: str) -> Sample:
    if not samples[name]:
        raise KeyError(name)
    return samples[name][0]


def _pools(samples: defaultdict[str, list[Sample]]) -> tuple[Pool, ...]:
    in_use, capacity, waiting = (
        {sample.labels["pool"]: int(sample.value) for sample in samples[f"paseport_pool_{figure}"]}
        for figure in ("in_use", "capacity", "waiting")
    )
    return tuple(Pool(name, in_use.get(name, 0), capacity[name], waiting.get(name, 0)) for name in sorted(capacity))
