import pytest
from contracts.transaction_store import TransactionStoreContract
from paseport.redis.access import RedisAccess
from paseport_shared.adapters.redis.transaction_store import RedisTransactionStore
from redis_support import OnACluster, OnASingleNode


class RedisTransactionStoreContract(TransactionStoreContract):
    @pytest.fixture
    def store(self, access: RedisAccess, redis_namespace: str) -> RedisTransactionStore:
        return RedisTransactionStore(access, f"transaction:{redis_namespace}")


class TestRedisTransactionStoreOnACluster(OnACluster, RedisTransactionStoreContract):
    pass


class TestRedisTransactionStoreOnASingleNode(OnASingleNode, RedisTransactionStoreContract):
    pass
