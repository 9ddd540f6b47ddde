"""Links that are half-open, slow or narrow (FT-09): deadlines hold, and only what needs the other end is refused."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from findings import REVOKED_WITHIN_SECONDS, Report
from load import Load
from paseport_testkit.harness.stack import Stack
from paseport_testkit.harness.toxiproxy import Link

BAD_SECONDS = 3.0
RECOVERED_WITHIN_SECONDS = 5.0
ANSWERED_WITHIN_SECONDS = 5.0
"""Two questions with a deadline of 2 s each, and the rest of a request."""

KINDS: dict[str, Callable[[Link], None]] = {
    "half-open": lambda link: link.silence(),
    "late by 2 s": lambda link: link.latency(2000),
    "narrow, 1 KB a second": lambda link: link.bandwidth(1),
}


@pytest.mark.parametrize("to", ["mariadb", "vault", "issuer"])
def test_a_link_is_bad(stack: Stack, browsers: Load, report: Report, to: str) -> None:
    """FT-09, FT-12, P7: ``issuer`` is the way from the apis to an issuer's internal port."""
    back_after = {}
    with browsers.at_work() as findings:
        for kind, make_bad in KINDS.items():
            make_bad(stack.links[to])
            time.sleep(BAD_SECONDS)
            healed_at = time.monotonic()
            stack.links[to].heal()
            browsers.wait_until_flowing(findings)
            back_after[kind] = findings.refresh_gap(since=healed_at)

    report(findings, f"back after {', '.join(f'{seconds:.1f} s ({kind})' for kind, seconds in back_after.items())}")
    assert max(back_after.values()) <= RECOVERED_WITHIN_SECONDS
    assert findings.verify_gap() <= REVOKED_WITHIN_SECONDS
    if to != "vault":
        assert findings.refresh_gap() <= REVOKED_WITHIN_SECONDS
    # Signing in waits for hashing threads, too; everything else has deadlines alone.
    assert max(findings.slowest[what] for what in ("refresh", "call")) <= ANSWERED_WITHIN_SECONDS
