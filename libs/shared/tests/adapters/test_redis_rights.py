"""What the users of the api and of verifiers may do on Redis (docker/redis/users.acl.template).

All other tests are the issuer's user.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace

import pytest
from contracts.api_key_samples import LEGACY_DIGEST, a_full_key, a_key, as_decisions_need_it
from contracts.api_key_usage import a_use
from contracts.attempt_limiter import a_counter
from contracts.client_samples import a_client
from contracts.pending_record import an_entry
from contracts.refresh_token_store import POLICY, a_family
from contracts.revocation_feed import a_revocation
from contracts.role_directory import a_state
from contracts.support import NOW
from paseport.redis.access import RedisAccess
from paseport.redis.revocation_feed import RedisRevocationFeed
from paseport.redis.settings import RedisSettings
from paseport.redis.subject_directory import RedisSubjectDirectory
from paseport.secret import Secret
from paseport_shared.adapters.redis.api_key_directory import RedisApiKeyDirectory
from paseport_shared.adapters.redis.api_key_usage import RedisApiKeyUsage
from paseport_shared.adapters.redis.attempt_limiter import RedisAttemptLimiter
from paseport_shared.adapters.redis.client_directory import RedisClientDirectory
from paseport_shared.adapters.redis.pending_record import RedisPendingRecord
from paseport_shared.adapters.redis.refresh_token_store import RedisRefreshTokenStore
from paseport_shared.adapters.redis.revocation_publisher import RedisRevocationPublisher
from paseport_shared.adapters.redis.role_directory import RedisRoleDirectory
from paseport_shared.domain.errors import Unavailable
from paseport_testkit.harness.redis import Credentials, RedisCluster
from redis_support import OnACluster, cluster_settings, unhurried


async def tried(work: Awaitable[object]) -> str:
    """Return why it was refused; an empty string where it was not."""
    try:
        await work
    except Unavailable as refusal:
        return refusal.reason
    return ""


def settings_as(user: Credentials, redis_cluster: RedisCluster) -> RedisSettings:
    return replace(
        unhurried(cluster_settings(redis_cluster)),
        username=user.username,
        password=Secret(user.password),
        wait_replicas=0,
    )


class TestTheApisUser(OnACluster):
    """``access`` is the issuer's."""

    @pytest.fixture
    async def apis(self, redis_cluster: RedisCluster) -> AsyncIterator[RedisAccess]:
        async with RedisAccess(settings_as(redis_cluster.users.api, redis_cluster)) as apis:
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

    async def test_it_reads_api_keys_and_says_how_often_they_were_used(
        self, access: RedisAccess, apis: RedisAccess, redis_namespace: str
    ) -> None:
        keys = f"api_key:{redis_namespace}"
        key = a_full_key()
        await RedisApiKeyDirectory(access, namespace=keys).put([key])
        directory = RedisApiKeyDirectory(apis, namespace=keys)

        assert await directory.find(key.id) == as_decisions_need_it(key)
        assert await directory.find_legacy(LEGACY_DIGEST) == as_decisions_need_it(key)
        assert await directory.is_complete() is False
        await RedisApiKeyUsage(apis).add([a_use()])
        assert await RedisApiKeyUsage(access).take(10) == (a_use(),)

    async def test_what_it_may_write_lets_it_write_nothing_else(
        self, access: RedisAccess, apis: RedisAccess, redis_namespace: str
    ) -> None:
        """It counts, and it keeps a log. Roles, sessions, keys and revocations are the issuer's, in scripts too."""
        for name in ("api_key_use", f"rate:{redis_namespace}"):
            assert await apis.send(("HSET", name, "x", 1), ("HDEL", name, "x")) == [1, 1]
        (entry,) = await apis.send(("XADD", "decision:log", "*", "x", 1))
        assert await apis.send(("XDEL", "decision:log", entry)) == [1]
        foreign = [
            f"role:{redis_namespace}:x",
            f"session:{redis_namespace}:x",
            f"api_key:{redis_namespace}:x",
            f"{{revocation}}:{redis_namespace}:in_force",
            f"client:{redis_namespace}:x",
            f"api_key_use{redis_namespace}",
        ]
        write = "return redis.call('HSET', ARGV[1], 'state', '{}')"
        for name in foreign:
            refusals = {
                "written": await tried(apis.send(("HSET", name, "state", "{}"))),
                "deleted": await tried(apis.send(("DEL", name))),
                "expired": await tried(apis.send(("PEXPIRE", name, 1))),
                "named beside its own": await tried(apis.send(("DEL", "api_key_use", name))),
                "copied over": await tried(apis.send(("COPY", "api_key_use", name))),
                "written in a script": await tried(apis.send(("EVAL", write, "1", name, name))),
                "written in a script for its own": await tried(apis.send(("EVAL", write, "1", "api_key_use", name))),
            }
            assert [what for what, why in refusals.items() if "NOPERM" not in why and "ACL" not in why] == [], name

    async def test_it_may_neither_write_nor_read_what_is_the_issuers(
        self, apis: RedisAccess, redis_namespace: str
    ) -> None:
        families = RedisRefreshTokenStore(apis, POLICY, f"refresh_token:{redis_namespace}")
        limiter = RedisAttemptLimiter(apis, f"attempts:{redis_namespace}")
        clients = RedisClientDirectory(apis, namespace=f"client:{redis_namespace}")
        keys = RedisApiKeyDirectory(apis, namespace=f"api_key:{redis_namespace}")
        for call in (
            lambda: keys.put([a_key()]),
            keys.mark_complete,
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


class TestTheVerifiersUser(OnACluster):
    """A service that is not ours (``Verifier(redis=…)``); ``access`` is the issuer's."""

    @pytest.fixture
    async def strangers(self, redis_cluster: RedisCluster) -> AsyncIterator[RedisAccess]:
        async with RedisAccess(settings_as(redis_cluster.users.verifier, redis_cluster)) as strangers:
            yield strangers

    async def test_it_may_do_all_that_the_published_verifier_does(
        self, access: RedisAccess, strangers: RedisAccess, redis_namespace: str
    ) -> None:
        roles, feed = f"role:{redis_namespace}", f"revocation:{redis_namespace}"
        state, revocation, later = a_state(), a_revocation(), a_revocation()
        await RedisRoleDirectory(access, namespace=roles).put(state)
        publisher = RedisRevocationPublisher(access, namespace=feed)
        await publisher.mark_complete(await publisher.epoch())
        reader = RedisRevocationFeed(strangers, namespace=feed)
        directory = RedisSubjectDirectory(strangers, namespace=roles)
        position = (await reader.snapshot(NOW)).position
        await publisher.publish(revocation)

        assert await directory.find(state.user_id) == state
        assert await directory.is_complete() is False
        assert [change.what for change in await reader.changes_since(position, 0.1)] == [revocation]
        assert (await reader.snapshot(NOW)).revocations == (revocation,)
        # Nothing is at hand now: it waits, on a connection of its own, for what comes.
        position = (await reader.snapshot(NOW)).position
        waiting = asyncio.create_task(reader.changes_since(position, 5.0))
        await publisher.publish(later)
        assert [change.what for change in await waiting] == [later]
        await strangers.confirm_primary()
        await strangers.ping()

    async def test_it_may_not_read_anything_else_nor_learn_what_there_is(
        self, access: RedisAccess, strangers: RedisAccess, redis_namespace: str
    ) -> None:
        """Sessions and refresh families least of all: their names alone end sessions."""
        families = RedisRefreshTokenStore(strangers, POLICY, f"refresh_token:{redis_namespace}")
        clients = RedisClientDirectory(strangers, namespace=f"client:{redis_namespace}")
        roles = f"role:{redis_namespace}:x"
        refusals = {
            "a family": await tried(families.find_family(a_family().id, NOW)),
            "a client": await tried(clients.find("shop")),
            "a session": await tried(strangers.send(("HGET", "session:x", "state"))),
            "all names": await tried(strangers.send(("SCAN", "0"))),
            "some name": await tried(strangers.send(("RANDOMKEY",))),
            "other keys in a script": await tried(
                strangers.send(("EVAL", "return redis.call('HGET', 'session:x', 'state')", "0"))
            ),
            "who is connected": await tried(strangers.send(("CLIENT", "LIST"))),
            "the users": await tried(strangers.send(("ACL", "LIST"))),
            "messages": await tried(strangers.send(("SUBSCRIBE", "x"))),
            "a role's entry": await tried(strangers.send(("HSET", roles, "state", "{}"))),
            "a role's entry in a script": await tried(
                strangers.send(("EVAL", "return redis.call('DEL', KEYS[1])", "1", f"{{revocation}}:{roles}"))
            ),
            "a revocation": await tried(
                RedisRevocationPublisher(strangers, namespace=f"revocation:{redis_namespace}").publish(a_revocation())
            ),
            "everything": await tried(strangers.send(("FLUSHALL",))),
        }

        assert [what for what, reason in refusals.items() if "NOPERM" not in reason and "ACL" not in reason] == []
