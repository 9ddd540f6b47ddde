"""An api whose clock is wrong."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
from findings import REVOKED_WITHIN_SECONDS, Report
from load import Load
from paseport_testkit.harness.paseport import Api
from paseport_testkit.harness.stack import Stack
from paseport_testkit.harness.waiting import wait_until

WITHIN = timedelta(seconds=29)
"""The leeway is 30 s; the last of them is left to the time that looking takes."""
BEYOND = timedelta(minutes=5)


def decision(stack: Stack, api: Api, token: str) -> httpx.Response:
    headers = {"Host": stack.origin.removeprefix("https://"), "Authorization": f"Bearer {token}"}
    return httpx.get(f"{api.url}/api/admin/revocations", headers=headers, timeout=20)


def readiness(api: Api) -> httpx.Response:
    return httpx.get(f"{api.internal_url}/health/ready", timeout=20)


@pytest.mark.parametrize("skew", [WITHIN, -WITHIN], ids=["ahead", "behind"])
def test_a_clock_that_is_off_by_half_a_minute_lets_everybody_in_and_nobody_else(
    stack: Stack, browsers: Load, report: Report, skew: timedelta
) -> None:
    """FT-17: good tokens are good, and whoever signs out is refused, by the leeway that everybody grants."""
    api = stack.start_api(1, clock_skew=skew)

    with browsers.at_work() as findings:
        browsers.wait_until_flowing(findings)
        assert decision(stack, api, browsers.an_access_token()).status_code == 200
        assert readiness(api).status_code == 200

    report(findings)
    assert findings.verify_gap() <= REVOKED_WITHIN_SECONDS


@pytest.mark.parametrize("skew", [BEYOND, -BEYOND], ids=["ahead", "behind"])
def test_a_clock_that_is_off_by_minutes_takes_the_api_out_of_service(
    stack: Stack, browsers: Load, skew: timedelta
) -> None:
    """FT-17: it says so itself, and takes no token for good that others would not."""
    with browsers.at_work():
        token = browsers.an_access_token()
    api = stack.start_api(1, until="live", clock_skew=skew)

    wait_until("it says that its clock is wrong", lambda: _unless_its_clock(readiness(api)), 20)

    # Ahead: the token has expired there. Behind: it is not valid yet.
    wait_until("it decides", lambda: None if decision(stack, api, token).status_code == 401 else "503", 20)


def _unless_its_clock(answer: httpx.Response) -> str | None:
    named = answer.status_code == 503 and "clock" in answer.text
    return None if named else f"{answer.status_code} {answer.text}"
