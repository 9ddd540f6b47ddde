from datetime import timedelta

import pytest
from contracts.attempt_limiter import WINDOW, AttemptLimiterContract, a_counter, passes
from contracts.support import NOW, SECOND
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from paseport.redis.access import RedisAccess
from paseport_shared.adapters.memory.attempt_limiter import MemoryAttemptLimiter
from paseport_shared.adapters.redis.attempt_limiter import RedisAttemptLimiter
from paseport_shared.domain.errors import TooManyAttempts
from paseport_shared.domain.ports.attempt_limiter import Attempt, AttemptLimiter, Limit
from redis_support import OnACluster, OnASingleNode

KEYS = st.sampled_from(["login:account:1", "login:address:192.0.2.1", "login:address:192.0.2.2"])
LIMITS = st.builds(Limit, st.integers(0, 3), st.integers(1, 20).map(lambda seconds: seconds * SECOND))
# Mostly forwards, sometimes back, often onto the very border of a window.
STEPS = st.integers(-10, 20).map(lambda seconds: seconds * SECOND)
CALLS = st.lists(st.tuples(STEPS, st.lists(st.builds(Attempt, KEYS, LIMITS), max_size=4)), max_size=15)


async def outcome(limiter: AttemptLimiter, attempts: list[Attempt], after: timedelta) -> timedelta | None:
    try:
        await limiter.take(attempts, NOW + after)
    except TooManyAttempts as refusal:
        return refusal.retry_after
    return None


class RedisAttemptLimiterContract(AttemptLimiterContract):
    @pytest.fixture
    def limiter(self, access: RedisAccess, redis_namespace: str) -> RedisAttemptLimiter:
        return RedisAttemptLimiter(access, f"attempts:{redis_namespace}")


class TestRedisAttemptLimiterOnACluster(OnACluster, RedisAttemptLimiterContract):
    pass


class TestRedisAttemptLimiterOnASingleNode(OnASingleNode, RedisAttemptLimiterContract):
    async def test_a_wall_clock_set_back_neither_frees_a_key_nor_locks_it_until_the_old_time_returns(
        self, limiter: RedisAttemptLimiter
    ) -> None:
        account = a_counter(1)
        assert await passes(limiter, account)
        a_day_ago = -timedelta(days=1)

        assert not await passes(limiter, account, after=a_day_ago)
        assert await passes(limiter, account, after=a_day_ago + WINDOW)

    async def test_a_counter_that_allows_nothing_refuses_the_first_attempt(self, limiter: RedisAttemptLimiter) -> None:
        closed = a_counter(0)

        with pytest.raises(TooManyAttempts) as refusal:
            await limiter.take([closed], NOW)

        assert refusal.value.retry_after == WINDOW

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(calls=CALLS)
    async def test_the_script_counts_as_the_limiter_in_memory_does(
        self, access: RedisAccess, redis_namespace: str, calls: list[tuple[timedelta, list[Attempt]]]
    ) -> None:
        limiter, memory = RedisAttemptLimiter(access, f"attempts:{redis_namespace}"), MemoryAttemptLimiter()
        for key in KEYS.elements:
            await limiter.forgive(key)

        after = timedelta(0)
        for step, attempts in calls:
            after += step
            assert await outcome(limiter, attempts, after) == await outcome(memory, attempts, after)

    async def test_the_names_of_the_keys_tell_nobody_who_tried(
        self, limiter: RedisAttemptLimiter, access: RedisAccess, redis_namespace: str
    ) -> None:
        """DT-06."""
        account = a_counter()
        await limiter.take([account], NOW)

        (names,) = await access.send(("SCAN", "0", "MATCH", f"*{redis_namespace}*", "COUNT", 100_000))

        assert len(names[1]) == 1
        assert account.key.rpartition(":")[2].encode() not in names[1][0]
