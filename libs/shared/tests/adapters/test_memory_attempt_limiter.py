from datetime import timedelta

import pytest
from contracts.attempt_limiter import WINDOW, AttemptLimiterContract, a_counter, passes
from contracts.support import NOW, SECOND, Unreachable, rehearsed
from paseport_shared.adapters.memory.attempt_limiter import MemoryAttemptLimiter
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.domain.errors import TooManyAttempts


class TestMemoryAttemptLimiter(AttemptLimiterContract):
    @pytest.fixture
    def outage(self) -> MemoryOutage:
        return MemoryOutage()

    @pytest.fixture
    def limiter(self, outage: MemoryOutage) -> MemoryAttemptLimiter:
        return MemoryAttemptLimiter(outage)

    @pytest.fixture
    def unreachable(self, outage: MemoryOutage) -> Unreachable:
        return rehearsed(outage)

    async def test_a_wall_clock_set_back_neither_frees_a_key_nor_locks_it_until_the_old_time_returns(
        self, limiter: MemoryAttemptLimiter
    ) -> None:
        account = a_counter(1)
        assert await passes(limiter, account)
        a_day_ago = -timedelta(days=1)

        assert not await passes(limiter, account, after=a_day_ago)
        assert await passes(limiter, account, after=a_day_ago + WINDOW)

    async def test_a_counter_that_allows_nothing_refuses_the_first_attempt(self, limiter: MemoryAttemptLimiter) -> None:
        closed = a_counter(0)

        with pytest.raises(TooManyAttempts) as refusal:
            await limiter.take([closed], NOW)

        assert refusal.value.retry_after == WINDOW

    async def test_a_flood_of_new_keys_does_not_fill_the_memory(self, limiter: MemoryAttemptLimiter) -> None:
        """LG-11: 10,000 addresses, and as many again once the first are forgotten."""
        for step in range(20):
            for _ in range(500):
                await limiter.take([a_counter(10, 10 * SECOND)], NOW + step * 10 * SECOND)

        assert len(limiter._windows) <= 1024

    async def test_tidying_forgets_no_attempt_that_counts(self, limiter: MemoryAttemptLimiter) -> None:
        account = a_counter(1)
        assert await passes(limiter, account)
        for _ in range(3000):
            await limiter.take([a_counter(1, SECOND)], NOW + WINDOW - SECOND)

        assert not await passes(limiter, account, after=WINDOW - SECOND)
