"""Issuers and apis are killed and drained while people work."""

from __future__ import annotations

from typing import Any

from findings import REVOKED_WITHIN_SECONDS, Report
from load import BACK_WITHIN_SECONDS, Load
from paseport_testkit.harness.stack import Stack


def test_issuers_are_killed_and_started_again(stack: Stack, browsers: Load, report: Report) -> None:
    """FT-19: each in the middle of whatever it does. Nothing is left behind that "all devices" would not find."""
    with browsers.at_work() as findings:
        for issuer in stack.issuers.values():
            issuer.kill()
            browsers.wait_until_flowing(findings)
            issuer.start()

    report(findings)
    assert families_that_no_index_names(stack) == set()
    assert findings.refresh_gap() <= BACK_WITHIN_SECONDS
    assert findings.verify_gap() <= REVOKED_WITHIN_SECONDS


def test_apis_are_killed_and_started_again(stack: Stack, browsers: Load, report: Report) -> None:
    """One after the other; the other one decides meanwhile, and a new one lets nobody in who was signed out before."""
    with browsers.at_work() as findings:
        for api in stack.apis.values():
            api.kill()
            browsers.wait_until_flowing(findings)
            api.start()
            browsers.haunt()

    report(findings)
    assert findings.verify_gap() <= REVOKED_WITHIN_SECONDS


def test_an_issuer_and_an_api_are_drained_and_nobody_behind_the_edge_notices(
    stack: Stack, browsers: Load, report: Report
) -> None:
    """SIGTERM, as each upgrade sends it: requests under way end, later ones go to the other service."""
    with browsers.at_work(through_edge=True) as findings:
        for service in (stack.issuers[0], stack.apis[0]):
            assert service.drain() == 0
            browsers.wait_until_flowing(findings)
            service.start()
            browsers.wait_until_flowing(findings)

    report(findings)
    # The edge always finds somebody who answers. What services refuse by themselves, because the machine is too busy
    # for a deadline, says that nothing was done; verifying has none.
    assert set(findings.told_to_wait) <= {"login 503", "refresh 503", "logout 503"}
    assert findings.lost.total() == 0
    assert findings.refresh_gap() <= REVOKED_WITHIN_SECONDS
    assert findings.verify_gap() <= REVOKED_WITHIN_SECONDS


def families_that_no_index_names(stack: Stack) -> set[str]:
    """Return the refresh families that exist in Redis without being listed for their user."""
    with stack.redis.primary().admin() as redis:
        families: dict[str, Any] = {
            key.removeprefix("refresh_token:by_token:"): redis.hget(key, "user_id")
            for key in redis.scan_iter("refresh_token:by_token:*", count=1000)
        }
        return {
            family for family, user in families.items() if redis.zscore(f"refresh_token:by_uid:{user}", family) is None
        }
