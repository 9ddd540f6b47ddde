"""What every clock promises."""

from datetime import UTC, timedelta
from itertools import pairwise

from paseport.clock import Clock


class ClockContract:
    """The adapter's file supplies the fixture ``clock``."""

    def test_a_caller_gets_aware_utc(self, clock: Clock) -> None:
        now = clock.now()

        assert now.tzinfo is UTC
        assert now.utcoffset() == timedelta(0)

    def test_monotonic_seconds_never_go_back_for_a_caller_who_measures(self, clock: Clock) -> None:
        readings = [clock.monotonic() for _ in range(1000)]

        assert all(earlier <= later for earlier, later in pairwise(readings))
