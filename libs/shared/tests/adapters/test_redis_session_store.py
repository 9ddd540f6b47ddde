import pytest
from contracts.session_store import SessionStoreContract
from paseport.redis.access import RedisAccess
from paseport_shared.adapters.redis.session_store import RedisSessionStore
from paseport_shared.domain.models.session import SessionPolicy
from redis_support import OnACluster, OnASingleNode


class RedisSessionStoreContract(SessionStoreContract):
    @pytest.fixture
    def store(self, access: RedisAccess, policy: SessionPolicy, redis_namespace: str) -> RedisSessionStore:
        return RedisSessionStore(access, policy, f"session:{redis_namespace}")


class TestRedisSessionStoreOnACluster(OnACluster, RedisSessionStoreContract):
    pass


class TestRedisSessionStoreOnASingleNode(OnASingleNode, RedisSessionStoreContract):
    pass
