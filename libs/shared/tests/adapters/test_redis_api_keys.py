import pytest
from contracts.api_key_directory import ApiKeyDirectoryContract
from contracts.api_key_samples import LEGACY_DIGEST, a_full_key, a_key, as_decisions_need_it
from contracts.api_key_usage import ApiKeyUsageContract
from paseport.redis.access import RedisAccess
from paseport_shared.adapters.redis.api_key_directory import RedisApiKeyDirectory
from paseport_shared.adapters.redis.api_key_usage import RedisApiKeyUsage
from paseport_shared.domain.models.api_key import DeletedApiKey
from redis_support import OnACluster, OnASingleNode


class RedisApiKeyDirectoryContract(ApiKeyDirectoryContract):
    @pytest.fixture
    def directory(self, access: RedisAccess, redis_namespace: str) -> RedisApiKeyDirectory:
        return RedisApiKeyDirectory(access, namespace=f"api_key:{redis_namespace}")


class TestRedisApiKeyDirectoryOnACluster(OnACluster, RedisApiKeyDirectoryContract):
    pass


class TestRedisApiKeyDirectoryOnASingleNode(OnASingleNode, RedisApiKeyDirectoryContract):
    async def test_entries_stay_for_ever(
        self, directory: RedisApiKeyDirectory, access: RedisAccess, redis_namespace: str
    ) -> None:
        key = a_full_key()
        await directory.put([key])

        for name in (key.id, f"legacy:{LEGACY_DIGEST}"):
            assert await access.send(("PTTL", f"api_key:{redis_namespace}:{name}")) == [-1]

    async def test_an_entry_has_neither_what_people_wrote_nor_any_secret_of_a_revoked_key(
        self, directory: RedisApiKeyDirectory, access: RedisAccess, redis_namespace: str
    ) -> None:
        """FA-16, DT-08."""
        key = a_full_key()
        name = f"api_key:{redis_namespace}:{key.id}"
        await directory.put([key])
        ((state,),) = await access.send(("HMGET", name, "state"))
        assert key.email is not None
        assert key.email.encode() not in state
        assert key.comment.encode() not in state
        assert len(state) <= 1024

        await directory.put([DeletedApiKey(key.id, key.revision + 1)])

        assert await access.send(("HGETALL", name)) == [[b"revision", str(key.revision + 1).encode()]]

    async def test_an_entry_of_a_version_that_knows_more_can_be_read(
        self, directory: RedisApiKeyDirectory, access: RedisAccess, redis_namespace: str
    ) -> None:
        """DT-01: during an update old and new services share the directory."""
        key = a_full_key()
        name = f"api_key:{redis_namespace}:{key.id}"
        await directory.put([key])
        (state,) = await access.send(("HGET", name, "state"))

        await access.send(("HSET", name, "state", state[:-1] + b',"colour":"green"}'))

        assert await directory.find(key.id) == as_decisions_need_it(key)

    async def test_a_typical_entry_takes_less_than_a_kibibyte(
        self, directory: RedisApiKeyDirectory, access: RedisAccess, redis_namespace: str
    ) -> None:
        key = a_key(roles=frozenset({"User"}), scopes=("openid",), hosts=("app.example.com",), paths=("/v1",))
        await directory.put([key])

        (used,) = await access.send(("MEMORY", "USAGE", f"api_key:{redis_namespace}:{key.id}"))

        assert used <= 1024


class RedisApiKeyUsageContract(ApiKeyUsageContract):
    @pytest.fixture
    def usage(self, access: RedisAccess, redis_namespace: str) -> RedisApiKeyUsage:
        return RedisApiKeyUsage(access, namespace=f"paseport:{redis_namespace}api_key_use")


class TestRedisApiKeyUsageOnACluster(OnACluster, RedisApiKeyUsageContract):
    pass


class TestRedisApiKeyUsageOnASingleNode(OnASingleNode, RedisApiKeyUsageContract):
    pass
