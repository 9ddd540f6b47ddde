from dataclasses import replace
from datetime import timedelta

import pytest
from contracts.role_directory import RoleDirectoryContract, a_state
from contracts.support import new_user
from paseport.redis.access import RedisAccess
from paseport_shared.adapters.redis.role_directory import RedisRoleDirectory
from redis_support import OnACluster, OnASingleNode


class RedisRoleDirectoryContract(RoleDirectoryContract):
    @pytest.fixture
    def directory(self, access: RedisAccess, redis_namespace: str) -> RedisRoleDirectory:
        return RedisRoleDirectory(access, namespace=f"role:{redis_namespace}")


class TestRedisRoleDirectoryOnACluster(OnACluster, RedisRoleDirectoryContract):
    pass


class TestRedisRoleDirectoryOnASingleNode(OnASingleNode, RedisRoleDirectoryContract):
    async def test_entries_stay_for_ever_by_default(
        self, directory: RedisRoleDirectory, access: RedisAccess, redis_namespace: str
    ) -> None:
        state = a_state()
        await directory.put(state)

        assert await access.send(("PTTL", f"role:{redis_namespace}:{state.user_id}")) == [-1]

    async def test_a_directory_whose_entries_end_is_never_complete(
        self, access: RedisAccess, redis_namespace: str
    ) -> None:
        """``REDIS_ROLE_TTL``: a miss may mean that an entry ended, so the issuer has to be asked."""
        namespace = f"role:{redis_namespace}"
        directory = RedisRoleDirectory(access, keep_for=timedelta(hours=1), namespace=namespace)
        state = a_state()
        await directory.put(state)
        await directory.mark_complete()

        assert await directory.is_complete() is False
        assert await directory.find(new_user()) is None
        (left,) = await access.send(("PTTL", f"{namespace}:{state.user_id}"))
        assert 0 < left <= 3_600_000

    async def test_an_entry_stays_once_entries_no_longer_end(self, access: RedisAccess, redis_namespace: str) -> None:
        namespace = f"role:{redis_namespace}"
        state = a_state(1)
        await RedisRoleDirectory(access, keep_for=timedelta(hours=1), namespace=namespace).put(state)

        await RedisRoleDirectory(access, namespace=namespace).put(replace(state, revision=2))

        assert await access.send(("PTTL", f"{namespace}:{state.user_id}")) == [-1]

    async def test_an_entry_of_a_version_that_knew_neither_address_nor_name_can_be_read(
        self, directory: RedisRoleDirectory, access: RedisAccess, redis_namespace: str
    ) -> None:
        """DT-01."""
        state = a_state()
        old = b'{"username":"alice","roles":["User"],"enabled":true,"version":3,"revision":1}'
        await access.send(("HSET", f"role:{redis_namespace}:{state.user_id}", "revision", 1, "state", old))

        assert await directory.find(state.user_id) == replace(state, username="alice")
