"""Families on a cluster with a replica that confirms, and on a single node."""

from uuid import UUID

import pytest
import structlog
from contracts.refresh_token_store import LoseFamily, LoseIndex, MakeStore, RefreshTokenStoreContract, a_family
from contracts.support import NOW
from paseport.redis.access import RedisAccess
from paseport_shared.adapters.redis.refresh_token_store import RedisRefreshTokenStore
from paseport_shared.domain.models.refresh_token import RefreshPolicy
from paseport_shared.domain.ports.refresh_token_store import RefreshTokenStore
from redis_support import OnACluster, OnASingleNode, lose


class RedisRefreshTokenStoreContract(RefreshTokenStoreContract):
    @pytest.fixture
    def namespace(self, redis_namespace: str) -> str:
        return f"refresh_token:{redis_namespace}"

    @pytest.fixture
    def store_with(self, access: RedisAccess, namespace: str) -> MakeStore:
        def make(policy: RefreshPolicy) -> RedisRefreshTokenStore:
            return RedisRefreshTokenStore(access, policy, namespace)

        return make

    @pytest.fixture
    def lose_index(self, access: RedisAccess, namespace: str) -> LoseIndex:
        async def damage(_: RefreshTokenStore, user_id: UUID) -> None:
            await lose(access, f"{namespace}:by_uid:{user_id}")

        return damage

    @pytest.fixture
    def lose_family(self, access: RedisAccess, namespace: str) -> LoseFamily:
        async def damage(_: RefreshTokenStore, family_id: str) -> None:
            await lose(access, f"{namespace}:by_token:{family_id}")

        return damage

    async def test_a_damaged_index_is_reported(self, store: RefreshTokenStore, lose_index: LoseIndex) -> None:
        """TE-18."""
        family = a_family()
        await store.open_family(family)
        await lose_index(store, family.user_id)

        with structlog.testing.capture_logs() as log:
            await store.find_family(family.id, NOW)

        assert [(line["log_level"], line["family_id"]) for line in log] == [("warning", family.id)]


class TestRedisRefreshTokenStoreOnACluster(OnACluster, RedisRefreshTokenStoreContract):
    pass


class TestRedisRefreshTokenStoreOnASingleNode(OnASingleNode, RedisRefreshTokenStoreContract):
    pass
