import pytest
from contracts.pending_record import PendingRecordContract, an_entry, entries
from paseport.redis.access import RedisAccess
from paseport_shared.adapters.redis.pending_record import RedisPendingRecord
from paseport_shared.domain.errors import Overloaded
from redis_support import OnACluster, OnASingleNode


class RedisPendingRecordContract(PendingRecordContract):
    @pytest.fixture
    def pending(self, access: RedisAccess, redis_namespace: str) -> RedisPendingRecord:
        return RedisPendingRecord(access, namespace=f"paseport:{redis_namespace}pending_record")


class TestRedisPendingRecordOnACluster(OnACluster, RedisPendingRecordContract):
    pass


class TestRedisPendingRecordOnASingleNode(OnASingleNode, RedisPendingRecordContract):
    async def test_a_record_that_stays_away_does_not_fill_the_memory(
        self, access: RedisAccess, redis_namespace: str
    ) -> None:
        pending = RedisPendingRecord(access, capacity=2, namespace=f"paseport:{redis_namespace}")
        kept = [an_entry(), an_entry()]
        for entry in kept:
            await pending.append(entry)

        with pytest.raises(Overloaded):
            await pending.append(an_entry())

        assert entries(await pending.read(10, 0)) == kept
