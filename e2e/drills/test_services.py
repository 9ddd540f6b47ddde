"""Issuers and apis are killed and drained while people work."""

from __future__ import annotations

from functools import partial
from typing import Any

import requests
from findings import REVOKED_WITHIN_SECONDS, Report
from load import BACK_WITHIN_SECONDS, Load
from paseport_testkit.harness.paseport import PaseportService
from paseport_testkit.harness.stack import Stack
from paseport_testkit.harness.waiting import wait_until


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


def test_services_are_drained_one_after_the_other_and_nobody_behind_the_edge_notices(
    stack: Stack, browsers: Load, report: Report
) -> None:
    """SIGTERM, as each upgrade sends it: requests under way end, later ones go to the other service."""
    with browsers.at_work(through_edge=True) as findings:
        for service in (*stack.issuers.values(), *stack.apis.values()):
            assert service.drain() == 0
            browsers.wait_until_flowing(findings)
            service.start()
            # The edge leaves one that refused alone for a second. Until then there is no other to drain.
            wait_until("the edge uses it again", partial(_unless_used, service), 20)

    report(findings)
    # The edge always finds somebody who answers. What services refuse by themselves, because the machine is too busy
    # for a deadline, says that nothing was done; verifying has none.
    assert set(findings.told_to_wait) <= {"login 503", "refresh 503", "logout 503"}
    assert findings.lost.total() == 0
    assert findings.refresh_gap() <= REVOKED_WITHIN_SECONDS
    assert findings.verify_gap() <= REVOKED_WITHIN_SECONDS


def _unless_used(service: PaseportService) -> str | None:
    metrics = requests.get(f"{service.internal_url}/metrics", timeout=20).text
    used = any(f'route="{route}"' in metrics for route in ("/auth/v1/refresh", "/api/admin/revocations"))
    return None if used else "nobody came"


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
