"""A primary that works is replaced: the Sentinels do not see it, everybody else does."""

from __future__ import annotations

from findings import Report
from load import BACK_WITHIN_SECONDS, Load
from paseport_testkit.harness.stack import Stack


def test_the_sentinels_lose_sight_of_a_primary_that_works(stack: Stack, browsers: Load, report: Report) -> None:
    """P6, FT-03, FT-04: from its replacement until everybody knows, it has still a replica that confirms its writes."""
    network = stack.redis.network
    assert network is not None
    with browsers.at_work() as findings:
        primary = stack.redis.primary()
        network.cut([watcher.process.name for watcher in stack.redis.watchers], [primary.process.name])
        stack.redis.wait_for_new_primary(primary)
        browsers.wait_until_flowing(findings)
        stack.redis.heal()
        browsers.haunt()

    report(findings)
    assert findings.refresh_gap() <= BACK_WITHIN_SECONDS
