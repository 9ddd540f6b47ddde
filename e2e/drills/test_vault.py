"""Vault goes away, or takes its time, while people work: nothing is consumed, and nobody but refreshing notices."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from findings import REVOKED_WITHIN_SECONDS, Report
from load import Load
from paseport_testkit.harness.stack import Stack

OUTAGE_SECONDS = 4.0
IN_FLIGHT_SECONDS = 2.5
"""Vault's deadline and a little more: after so long nobody is answered for what began before."""
RECOVERED_WITHIN_SECONDS = 5.0
SLOW_MILLISECONDS = 10_000


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        pytest.param(lambda stack: stack.vault.seal(), lambda stack: stack.vault.unseal(), id="sealed"),
        pytest.param(
            lambda stack: stack.links["vault"].latency(SLOW_MILLISECONDS),
            lambda stack: stack.links["vault"].heal(),
            id="slow by 10 s",
        ),
    ],
)
def test_vault_does_not_sign(
    stack: Stack, browsers: Load, report: Report, begin: Callable[[Stack], None], end: Callable[[Stack], None]
) -> None:
    """P7, FT-12. The same refresh tokens work afterwards: the store has not moved on from any of them meanwhile."""
    with browsers.at_work() as findings:
        began_at = time.monotonic()
        begin(stack)
        time.sleep(IN_FLIGHT_SECONDS)
        signed_out = findings.signed_out
        browsers.check_that_nothing_is_consumed(OUTAGE_SECONDS - IN_FLIGHT_SECONDS)
        ended_at = time.monotonic()
        end(stack)
        browsers.wait_until_flowing(findings)
        back_after = findings.refresh_gap(since=ended_at)

    report(findings, f"back after {back_after:.1f} s")
    assert findings.refreshes_between(began_at + IN_FLIGHT_SECONDS, ended_at) == 0
    assert back_after <= RECOVERED_WITHIN_SECONDS
    assert findings.verify_gap() <= REVOKED_WITHIN_SECONDS
    assert findings.signed_out > signed_out
    # Whoever asks while Vault is slow waits for its deadline at most, whatever else is in line.
    assert findings.slowest["refresh"] <= RECOVERED_WITHIN_SECONDS
    assert findings.slowest["call"] <= REVOKED_WITHIN_SECONDS


def test_the_tokens_of_the_issuers_are_revoked(stack: Stack, browsers: Load, report: Report) -> None:
    """FT-11, P7: each signs in to Vault again, once."""
    with browsers.at_work() as findings:
        for _ in range(3):
            revoked_at = time.monotonic()
            stack.vault.revoke_logins()
            browsers.wait_until_flowing(findings)
            assert findings.refresh_gap(since=revoked_at) <= RECOVERED_WITHIN_SECONDS

    report(findings)


def test_vault_is_killed_and_comes_back_sealed(stack: Stack, browsers: Load, report: Report) -> None:
    """P7: until somebody unseals it nobody gets a token, and everybody keeps theirs."""
    with browsers.at_work() as findings:
        stack.vault.kill()
        time.sleep(1)
        stack.vault.start()
        assert stack.vault.is_sealed
        browsers.check_that_nothing_is_consumed(1)
        unsealed_at = time.monotonic()
        stack.vault.unseal()
        browsers.wait_until_flowing(findings)
        back_after = findings.refresh_gap(since=unsealed_at)

    report(findings, f"back after {back_after:.1f} s")
    assert back_after <= RECOVERED_WITHIN_SECONDS
    assert findings.verify_gap() <= REVOKED_WITHIN_SECONDS
