from datetime import UTC, datetime, timedelta, timezone

import pytest
from contracts.clock import ClockContract
from paseport_shared.adapters.memory.clock import ManualClock


class TestManualClock(ClockContract):
    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock()

    def test_time_stands_still_until_a_test_moves_it(self, clock: ManualClock) -> None:
        assert (clock.now(), clock.monotonic()) == (clock.now(), clock.monotonic())

    @pytest.mark.parametrize("step", [90, 90.0, timedelta(seconds=90)])
    def test_both_times_move_together(self, clock: ManualClock, step: timedelta | float) -> None:
        now, seconds = clock.now(), clock.monotonic()

        assert clock.advance(step) == now + timedelta(seconds=90)

        assert clock.now() == now + timedelta(seconds=90)
        assert clock.monotonic() == seconds + 90

    def test_setting_the_wall_clock_back_turns_no_monotonic_second_back(self, clock: ManualClock) -> None:
        seconds = clock.monotonic()

        clock.set_wall_clock(clock.now() - timedelta(days=1))

        assert clock.monotonic() == seconds

    def test_time_does_not_pass_backwards(self, clock: ManualClock) -> None:
        with pytest.raises(ValueError, match="set_wall_clock"):
            clock.advance(-1)

    def test_a_start_in_another_zone_is_the_same_moment_in_utc(self) -> None:
        start = datetime(2026, 5, 1, 14, 0, tzinfo=timezone(timedelta(hours=2)))

        assert ManualClock(start).now() == datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
        assert ManualClock(start).now().tzinfo is UTC
