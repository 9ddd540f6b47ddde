"""What the api's user on Redis may do (docker/redis/users.acl.template). All other tests are the issuer's user."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from contracts.attempt_limiter import a_counter
from contracts.client_samples import a_client
from contracts.pending_record import an_entry
from contracts.refresh_token_store import POLICY, a_family
from contracts.revocation_feed import a_revocation
from contracts.role_directory import a_state
from contracts.support import NOW
from paseport.redis.access import RedisAccess
from paseport.secret import Secret
from paseport_shared.adapters.redis.attempt_limiter import RedisAttemptLimiter
from paseport_shared.adapters.redis.client_directory import RedisClientDirectory
from paseport_shared.adapters.redis.pending_record import RedisPendingRecord
from paseport_shared.adapters.redis.refresh_token_store import RedisRefreshTokenStore
from paseport_shared.adapters.redis.revocation_publisher import RedisRevocationPublisher
from paseport_shared.adapters.redis.role_directory import RedisRoleDirectory
from paseport_shared.domain.errors import Unavailable
from paseport_testkit.harness.redis import RedisCluster
from redis_support import OnACluster, cluster_settings, unhurried


class TestTheApisUser(OnACluster):
    """``access`` is the issuer's."""

    @pytest.fixture
    async def apis(self, redis_cluster: RedisCluster) -> AsyncIterator[RedisAccess]:
        user = redis_cluster.users.api
        settings = replace(
            unhurried(cluster_settings(redis_cluster)),
            username=user.username,
            password=Secret(user.password),
            wait_replicas=0,
        )
        async with RedisAccess(settings) as apis:
            yield apis

    async def test_it_may_do_all_that_verifying_needs(
        self, access: RedisAccess, apis: RedisAccess, redis_namespace: str
    ) -> None:
        roles, feed = f"role:{redis_namespace}", f"revocation:{redis_namespace}"
        state, revocation = a_state(), a_revocation()
        await RedisRoleDirectory(access, namespace=roles).put(state)
        publisher = RedisRevocationPublisher(access, namespace=feed)
        await publisher.mark_complete(await publisher.epoch())
        reader = RedisRevocationPublisher(apis, namespace=feed)
        position = (await reader.snapshot(NOW)).position
        await publisher.publish(revocation)

        assert await RedisRoleDirectory(apis, namespace=roles).find(state.user_id) == state
        assert await RedisRoleDirectory(apis, namespace=roles).is_complete() is False
        assert [change.what for change in await reader.changes_since(position, 0.1)] == [revocation]
        assert (await reader.snapshot(NOW)).revocations == (revocation,)
        await apis.confirm_primary()
        await apis.time()
        await apis.ping()

    async def test_it_may_neither_write_nor_read_what_is_the_issuers(
        self, apis: RedisAccess, redis_namespace: str
    ) -> None:
        families = RedisRefreshTokenStore(apis, POLICY, f"refresh_token:{redis_namespace}")
        limiter = RedisAttemptLimiter(apis, f"attempts:{redis_namespace}")
        clients = RedisClientDirectory(apis, namespace=f"client:{redis_namespace}")
        for call in (
            lambda: RedisRoleDirectory(apis, namespace=f"role:{redis_namespace}").put(a_state()),
            lambda: RedisRevocationPublisher(apis, namespace=f"revocation:{redis_namespace}").publish(a_revocation()),
            lambda: RedisPendingRecord(apis, namespace=f"paseport:{redis_namespace}").append(an_entry()),
            lambda: limiter.take([a_counter()], NOW),
            lambda: families.open_family(a_family()),
            lambda: families.find_family(a_family().id, NOW),
            lambda: clients.find("shop"),
            lambda: clients.put(a_client()),
        ):
            with pytest.raises(Unavailable) as refusal:
                await call()
            assert "NOPERM" in refusal.value.reason
