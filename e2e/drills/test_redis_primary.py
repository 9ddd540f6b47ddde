"""The Redis primary goes away in every way it can, while people work."""

from __future__ import annotations

import os
import time

from findings import REVOKED_WITHIN_SECONDS, Report
from load import BACK_WITHIN_SECONDS, Load
from paseport_testkit.harness.stack import Stack
from redis_cluster import Failovers, wait_for_two_replicas

KILLS = int(os.environ.get("PASEPORT_DRILL_KILLS", "10"))
OUTAGE_SECONDS = 2.0
IN_FLIGHT_SECONDS = 1.0
"""After so long nobody is still answered for what happened before an outage."""


def test_the_primary_is_killed_again_and_again(stack: Stack, browsers: Load, report: Report) -> None:
    """P6, FT-01, FT-02: ten times in a row (``make drills``: a hundred times)."""
    back_after, failovers = [], []
    with browsers.at_work() as findings:
        for _ in range(KILLS):
            primary, killed_at, so_far = stack.redis.primary(), time.monotonic(), Failovers(stack.redis)
            primary.kill()
            stack.redis.wait_for_new_primary(primary)
            browsers.wait_until_flowing(findings)
            back_after.append(findings.refresh_gap(since=killed_at))
            failovers.append(so_far.count)
            stack.redis.rejoin(primary)
            wait_for_two_replicas(stack.redis)

    report(findings, f"refresh back after {', '.join(f'{seconds:.1f}' for seconds in back_after)} s")
    for seconds, count in zip(back_after, failovers, strict=True):
        assert seconds <= BACK_WITHIN_SECONDS * count
    # Who is signed in is let in meanwhile: the issuer's feed takes over, and its word on roles.
    assert findings.verify_gap() <= REVOKED_WITHIN_SECONDS


def test_the_primary_restarts_before_anybody_notices(stack: Stack, browsers: Load, report: Report) -> None:
    """FT-01. No failover: the same node goes on with what it wrote down, and the replicas follow it."""
    with browsers.at_work() as findings:
        for _ in range(3):
            primary, killed_at = stack.redis.primary(), time.monotonic()
            primary.kill()
            primary.start()
            browsers.wait_until_flowing(findings)
            assert findings.refresh_gap(since=killed_at) <= BACK_WITHIN_SECONDS
            wait_for_two_replicas(stack.redis)

    report(findings)


def test_the_primary_is_paused_and_comes_back_believing_that_it_is_the_primary(
    stack: Stack, browsers: Load, report: Report
) -> None:
    """P6, FT-05: half-open for everybody, replaced, and then there are two who say they are the primary."""
    with browsers.at_work() as findings:
        primary, paused_at = stack.redis.primary(), time.monotonic()
        primary.pause()
        stack.redis.wait_for_new_primary(primary)
        browsers.wait_until_flowing(findings)
        back_after = findings.refresh_gap(since=paused_at)
        primary.resume()
        assert primary.role() == "master"
        browsers.wait_until_flowing(findings)
        browsers.haunt()
        wait_for_two_replicas(stack.redis)

    report(findings)
    assert back_after <= BACK_WITHIN_SECONDS


def test_the_primary_is_isolated_alone(stack: Stack, browsers: Load, report: Report) -> None:
    """P6, FT-05: it lives on where nobody reaches it."""
    with browsers.at_work() as findings:
        primary, isolated_at = stack.redis.primary(), time.monotonic()
        stack.redis.isolate(primary)
        stack.redis.wait_for_new_primary(primary)
        browsers.wait_until_flowing(findings)
        back_after = findings.refresh_gap(since=isolated_at)
        stack.redis.heal()
        browsers.wait_until_flowing(findings)
        browsers.haunt()

    report(findings)
    assert back_after <= BACK_WITHIN_SECONDS


def test_the_primary_is_isolated_together_with_everybody_who_uses_it(
    stack: Stack, browsers: Load, report: Report
) -> None:
    """FT-05: no split-brain success. It takes no write that a failover has thrown away already."""
    with browsers.at_work() as findings:
        primary, isolated_at = stack.redis.primary(), time.monotonic()
        stack.redis.isolate(primary, with_clients=True)
        new = stack.redis.wait_for_new_primary(primary)
        assert primary.role() == "master"
        healed_at = time.monotonic()
        stack.redis.heal()
        browsers.wait_until_flowing(findings)
        back_after = findings.refresh_gap(since=healed_at)
        browsers.haunt()
        assert stack.redis.primary() is new

    report(findings)
    assert findings.refreshes_between(isolated_at + IN_FLIGHT_SECONDS, healed_at) == 0
    assert back_after <= BACK_WITHIN_SECONDS


def test_the_primary_is_killed_while_the_sentinels_have_no_quorum(stack: Stack, browsers: Load, report: Report) -> None:
    """FT-02: nobody is promoted, everybody is told to wait, and nothing is lost by it."""
    with browsers.at_work() as findings:
        primary, stopped = stack.redis.primary(), stack.redis.watchers[:2]
        for watcher in stopped:
            watcher.kill()
        browsers.wait_until_flowing(findings)
        killed_at = time.monotonic()
        primary.kill()
        time.sleep(OUTAGE_SECONDS)
        began_again_at = time.monotonic()
        for watcher in stopped:
            watcher.start()
        stack.redis.wait_for_new_primary(primary)
        browsers.wait_until_flowing(findings)
        back_after = findings.refresh_gap(since=began_again_at)

    report(findings)
    assert findings.refreshes_between(killed_at + IN_FLIGHT_SECONDS, began_again_at) == 0
    assert back_after <= BACK_WITHIN_SECONDS
    assert findings.verify_gap() <= REVOKED_WITHIN_SECONDS


def test_replication_is_cut_before_a_replica_is_promoted(stack: Stack, browsers: Load, report: Report) -> None:
    """FT-03, FT-04: what the promoted one never heard of was never acknowledged."""
    with browsers.at_work() as findings:
        primary, cut_at = stack.redis.primary(), time.monotonic()
        stack.redis.cut_replication()
        time.sleep(OUTAGE_SECONDS)
        killed_at = time.monotonic()
        primary.kill()
        stack.redis.wait_for_new_primary(primary)
        browsers.wait_until_flowing(findings)
        back_after = findings.refresh_gap(since=killed_at)
        browsers.haunt()

    report(findings)
    assert findings.refreshes_between(cut_at + IN_FLIGHT_SECONDS, killed_at) == 0
    assert back_after <= BACK_WITHIN_SECONDS
