import asyncio
from datetime import timedelta

import pytest
from contracts.shared_rates import SharedRatesContract, a_key, limit_of
from contracts.support import CROWD, NOW, SECOND
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from paseport.redis.access import RedisAccess
from paseport_shared.adapters.memory.shared_rates import MemorySharedRates
from paseport_shared.adapters.redis.shared_rates import RedisSharedRates
from paseport_shared.domain.models.rate_limit import RateLimit
from paseport_testkit.harness.redis import RedisCluster
from redis_support import OnACluster, OnASingleNode, cluster_settings, settings_of_the_api, unhurried

# Mostly forwards, sometimes back, often onto the very border of a window or of what counts as the same time.
STEPS = st.sampled_from([-20_000, -1_001, -1_000, -500, 0, 1, 10, 500, 999, 1_000, 2_000, 10_000])
LIMITS = st.builds(RateLimit, st.sampled_from([1, 2, 3, 1_001]), st.sampled_from([SECOND, 10 * SECOND]), st.just(True))
CALLS = st.lists(st.tuples(STEPS, LIMITS), max_size=25)


class RedisSharedRatesContract(SharedRatesContract):
    @pytest.fixture
    def rates(self, access: RedisAccess, redis_namespace: str) -> RedisSharedRates:
        return RedisSharedRates(access, f"rate:{redis_namespace}")


class TestRedisSharedRatesOnACluster(OnACluster, RedisSharedRatesContract):
    async def test_two_nodes_with_fifty_callers_at_once_let_exactly_the_limit_pass(
        self, access: RedisAccess, redis_cluster: RedisCluster, redis_namespace: str
    ) -> None:
        key, limit = a_key(), limit_of(40)

        async with RedisAccess(unhurried(cluster_settings(redis_cluster))) as other:
            nodes = [RedisSharedRates(each, f"rate:{redis_namespace}") for each in (access, other)]
            answers = await asyncio.gather(
                *(nodes[number % 2].take(key, limit, NOW + number % 7 * SECOND / 10) for number in range(2 * CROWD))
            )

        assert sum(answer.is_allowed for answer in answers) == 40

    async def test_the_api_may_count(self, redis_cluster: RedisCluster) -> None:
        """Its user of Redis has no right to write anywhere else."""
        key = a_key()
        async with RedisAccess(settings_of_the_api(redis_cluster)) as access:
            rates = RedisSharedRates(access)
            for limit in (limit_of(2), limit_of(2), limit_of(1)):
                await rates.take(key, limit, NOW)
            # Every branch of the script: a clock that was set back, a window that slides, a limit by thousandths.
            assert not (await rates.take(key, limit_of(2), NOW - 100 * SECOND)).is_allowed
            assert (await rates.take(key, limit_of(2), NOW + 100 * SECOND)).is_allowed
            assert (await rates.take(key, limit_of(2_000), NOW + 100 * SECOND)).is_allowed


class TestRedisSharedRatesOnASingleNode(OnASingleNode, RedisSharedRatesContract):
    @settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(calls=CALLS)
    async def test_the_script_counts_as_memory_does(
        self, rates: RedisSharedRates, calls: list[tuple[int, RateLimit]]
    ) -> None:
        key, memory, now = a_key(), MemorySharedRates(), NOW

        for step, limit in calls:
            now += timedelta(milliseconds=step)
            assert await rates.take(key, limit, now) == await memory.take(key, limit, now)

    async def test_a_large_limit_takes_no_more_memory_than_a_thousand_requests(
        self, rates: RedisSharedRates, access: RedisAccess
    ) -> None:
        key, limit = a_key(), limit_of(1_000_000, 10 * SECOND)

        for number in range(3_000):
            await rates.take(key, limit, NOW + number * timedelta(milliseconds=5))

        (length,) = await access.send(("LLEN", rates._key(key)))
        assert length <= 1_001

    async def test_the_names_of_the_keys_tell_nobody_who_came(
        self, rates: RedisSharedRates, access: RedisAccess, redis_namespace: str
    ) -> None:
        """DT-06."""
        await rates.take("address:192.0.2.7", limit_of(1), NOW)

        (names,) = await access.send(("SCAN", "0", "MATCH", f"*{redis_namespace}*", "COUNT", 100_000))

        assert len(names[1]) == 1
        assert b"192.0.2.7" not in names[1][0]

    async def test_what_nobody_asks_for_any_more_is_forgotten(
        self, rates: RedisSharedRates, access: RedisAccess
    ) -> None:
        key = a_key()
        await rates.take(key, limit_of(1), NOW)

        (left,) = await access.send(("PTTL", rates._key(key)))

        assert 60_000 < left <= 120_000
