from datetime import UTC, datetime

import pytest
from contracts.clock import ClockContract
from contracts.randomness import RandomnessContract
from paseport.clock import SystemClock
from paseport_shared.adapters.system.randomness import SystemRandomness


class TestSystemClock(ClockContract):
    @pytest.fixture
    def clock(self) -> SystemClock:
        return SystemClock()

    def test_it_tells_the_time_of_this_computer(self, clock: SystemClock) -> None:
        before = datetime.now(UTC)

        assert before <= clock.now() <= datetime.now(UTC)


class TestSystemRandomness(RandomnessContract):
    @pytest.fixture
    def randomness(self) -> SystemRandomness:
        return SystemRandomness()
