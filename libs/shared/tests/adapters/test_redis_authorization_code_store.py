import pytest
from contracts.authorization_code_store import AuthorizationCodeStoreContract
from paseport.redis.access import RedisAccess
from paseport_shared.adapters.redis.authorization_code_store import RedisAuthorizationCodeStore
from redis_support import OnACluster, OnASingleNode


class RedisAuthorizationCodeStoreContract(AuthorizationCodeStoreContract):
    @pytest.fixture
    def store(self, access: RedisAccess, redis_namespace: str) -> RedisAuthorizationCodeStore:
        return RedisAuthorizationCodeStore(access, f"authorization_code:{redis_namespace}")


class TestRedisAuthorizationCodeStoreOnACluster(OnACluster, RedisAuthorizationCodeStoreContract):
    pass


class TestRedisAuthorizationCodeStoreOnASingleNode(OnASingleNode, RedisAuthorizationCodeStoreContract):
    pass
