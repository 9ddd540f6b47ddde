import pytest
from contracts.decision_log import DecisionLogContract, a_denial
from paseport.redis.access import RedisAccess
from paseport_shared.adapters.redis.decision_log import RedisDecisionLog
from paseport_testkit.harness.redis import RedisCluster
from redis_support import OnACluster, OnASingleNode, settings_of_the_api


class RedisDecisionLogContract(DecisionLogContract):
    @pytest.fixture
    def log(self, access: RedisAccess, redis_namespace: str) -> RedisDecisionLog:
        return RedisDecisionLog(access, stream=f"decision:log:{redis_namespace}")


class TestRedisDecisionLogOnACluster(OnACluster, RedisDecisionLogContract):
    async def test_the_api_may_keep_and_read_it(self, redis_cluster: RedisCluster) -> None:
        """Its user of Redis has no right to write anywhere else."""
        denial = a_denial()

        async with RedisAccess(settings_of_the_api(redis_cluster)) as access:
            log = RedisDecisionLog(access)
            await log.add([denial])

            assert await log.find(denial.request_id) == denial
            assert (await log.latest(1))[0] == (denial,)


class TestRedisDecisionLogOnASingleNode(OnASingleNode, RedisDecisionLogContract):
    async def test_a_flood_of_denials_does_not_fill_the_memory(self, access: RedisAccess, redis_namespace: str) -> None:
        stream = f"decision:log:{redis_namespace}"
        log = RedisDecisionLog(access, capacity=200, stream=stream)
        denials = [a_denial(number) for number in range(1_000)]

        await log.add(denials)

        (length,) = await access.send(("XLEN", stream))
        # Redis cuts whole nodes of a stream: up to a hundred entries more are left.
        assert 200 <= length <= 300
        assert await log.find(denials[0].request_id) is None
        assert await log.find(denials[-1].request_id) == denials[-1]

    async def test_a_search_goes_on_behind_its_first_page(self, log: RedisDecisionLog) -> None:
        denials = [a_denial(number) for number in range(1_100)]
        await log.add(denials)

        assert await log.find(denials[-1].request_id) == denials[-1]
        assert await log.find(denials[499].request_id) == denials[499]

    async def test_a_request_of_another_time_is_not_searched_for_in_the_whole_log(self, log: RedisDecisionLog) -> None:
        """The id begins with the time of the request: what was written at another time is not looked at."""
        denial = a_denial()
        an_hour_ago = int(denial.request_id.replace("-", "")[:12], 16) - 3_600_000
        text = f"{an_hour_ago:012x}"
        await log.add([denial])

        assert await log.find(f"{text[:8]}-{text[8:]}{denial.request_id[13:]}") is None
