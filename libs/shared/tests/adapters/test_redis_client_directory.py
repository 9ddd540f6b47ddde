import pytest
from contracts.client_directory import ClientDirectoryContract
from contracts.client_samples import a_client, a_full_client
from paseport.redis.access import RedisAccess
from paseport_shared.adapters.redis.client_directory import RedisClientDirectory
from redis_support import OnACluster, OnASingleNode


class RedisClientDirectoryContract(ClientDirectoryContract):
    @pytest.fixture
    def directory(self, access: RedisAccess, redis_namespace: str) -> RedisClientDirectory:
        return RedisClientDirectory(access, namespace=f"client:{redis_namespace}")


class TestRedisClientDirectoryOnACluster(OnACluster, RedisClientDirectoryContract):
    pass


class TestRedisClientDirectoryOnASingleNode(OnASingleNode, RedisClientDirectoryContract):
    async def test_entries_stay_for_ever(
        self, directory: RedisClientDirectory, access: RedisAccess, redis_namespace: str
    ) -> None:
        await directory.put(a_client())

        assert await access.send(("PTTL", f"client:{redis_namespace}:shop")) == [-1]

    async def test_an_entry_of_a_version_that_knows_more_can_be_read(
        self, directory: RedisClientDirectory, access: RedisAccess, redis_namespace: str
    ) -> None:
        """DT-01: during an update old and new issuers share the directory."""
        client, key = a_full_client("shop"), f"client:{redis_namespace}:shop"
        await directory.put(client)
        (state,) = await access.send(("HGET", key, "state"))

        await access.send(("HSET", key, "state", state[:-1] + b',"colour":"green"}'))

        assert await directory.find("shop") == client

    async def test_an_entry_of_a_version_that_knew_one_kind_is_a_client(
        self, directory: RedisClientDirectory, access: RedisAccess, redis_namespace: str
    ) -> None:
        """DT-01."""
        client, key = a_full_client("shop"), f"client:{redis_namespace}:shop"
        await directory.put(client)
        (state,) = await access.send(("HGET", key, "state"))
        assert state.endswith(b',"kind":"client"}')

        await access.send(("HSET", key, "state", state.removesuffix(b',"kind":"client"}') + b"}"))

        assert await directory.find("shop") == client
