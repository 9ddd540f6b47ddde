"""docs/metrics.md names what the services publish, and nothing else."""

import re
from pathlib import Path

import pytest
from paseport.follow_revocations import FollowRevocations
from paseport.revocation_list import RevocationList
from paseport_shared.adapters.memory.clock import ManualClock
from paseport_shared.adapters.policy_file.policy_file import PolicyFile
from paseport_shared.adapters.re2.pattern_matcher import Re2PatternMatcher
from paseport_shared.domain.errors import GrantRefusal
from paseport_shared.domain.models.refresh_token import Rotation
from paseport_shared.domain.models.service_reading import Pool
from paseport_shared.http.metrics import ACCESS, ApiMetrics, IssuerMetrics, ServiceMetrics

PAGE = (Path(__file__).parents[4] / "docs" / "metrics.md").read_text()
ROW = re.compile(r"^\| `(paseport_[a-z_]+)` \|([^|]*)\|", re.MULTILINE)


def section(heading: str) -> str:
    """What stands under a heading of the page."""
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def described(heading: str) -> dict[str, set[str]]:
    """The metrics in the tables of a section, each with its labels."""
    return {name: set(re.findall(r"`([a-z]+)`", labels)) for name, labels in ROW.findall(section(heading))}


def published(metrics: ServiceMetrics) -> dict[str, set[str]]:
    """Every metric that a service publishes, each with its labels."""
    clock = ManualClock()
    revocations = RevocationList(clock)
    metrics.watch_feed(("hot_store",), FollowRevocations([], revocations, clock), revocations)
    metrics.watch_pool("redis", Pool("redis", in_use=0, capacity=1, waiting=0))
    metrics.count("GET", "/", 200, 0.1)
    metrics.part("redis", is_up=True)
    if isinstance(metrics, IssuerMetrics):
        metrics.keys(ACCESS, {})
        metrics.watch_breaker("vault", lambda: False)
    if isinstance(metrics, ApiMetrics):
        metrics.watch_clock(lambda: 0.0)
        metrics.watch_policy(PolicyFile(None, Re2PatternMatcher()))
    found: dict[str, set[str]] = {}
    for family in metrics.registry.collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        for sample in family.samples:
            found.setdefault(name, set()).update(sample.labels.keys() - {"le"})
    return found


@pytest.mark.parametrize(("metrics", "heading"), [(IssuerMetrics("1"), "Issuer"), (ApiMetrics("1"), "Api")])
def test_the_page_describes_each_metric_of_a_service_with_its_labels(metrics: ServiceMetrics, heading: str) -> None:
    assert described("Both services") | described(heading) == published(metrics)


def test_the_page_describes_every_outcome_of_a_refresh() -> None:
    rows = re.findall(r"^\| ((?:`[a-z]+`(?:, )?)+) \|", section("Issuer"), re.MULTILINE)
    outcomes = {outcome for row in rows for outcome in re.findall(r"`([a-z]+)`", row)}

    counted = {kind.value for kind in (*Rotation, *GrantRefusal)}
    assert outcomes == counted | {"overloaded", "unavailable", "error"}
