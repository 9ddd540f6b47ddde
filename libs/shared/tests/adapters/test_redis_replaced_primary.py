"""A primary is replaced while it works: the Sentinels do not see it, clients and replicas do."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TypeVar

import pytest
from contracts.refresh_token_store import POLICY, a_family
from contracts.support import NOW
from paseport.redis.access import RedisAccess
from paseport.redis.settings import RedisSettings
from paseport_shared.adapters.redis.refresh_token_store import RedisRefreshTokenStore
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.refresh_token import RefreshFamily, Rotation
from paseport_testkit.harness.redis import RedisCluster
from paseport_testkit.harness.waiting import wait_until
from redis_support import cluster_settings

T = TypeVar("T")

SUCCESSES = (Rotation.ROTATE, Rotation.REPLAY)
BACK_SECONDS = 8


@pytest.fixture
def cluster(partitionable_redis: RedisCluster) -> RedisCluster:
    return partitionable_redis


@pytest.fixture
def settings(cluster: RedisCluster, redis_namespace: str) -> RedisSettings:
    return replace(cluster_settings(cluster), barrier_key=f"paseport:{redis_namespace}barrier")


@pytest.fixture
async def access(settings: RedisSettings) -> AsyncIterator[RedisAccess]:
    async with RedisAccess(settings) as access:
        yield access


@pytest.fixture
def store(access: RedisAccess, redis_namespace: str) -> RedisRefreshTokenStore:
    return RedisRefreshTokenStore(access, POLICY, f"refresh_token:{redis_namespace}")


async def opened(store: RedisRefreshTokenStore) -> RefreshFamily:
    family = a_family()
    await sooner_or_later(lambda: store.open_family(family))
    return family


async def sooner_or_later(call: Callable[[], Awaitable[T]], seconds: float = 20) -> T:
    """What somebody gets who comes back after each 503."""
    end = time.monotonic() + seconds
    while True:
        try:
            return await call()
        except Unavailable:
            if time.monotonic() > end:
                raise
            await asyncio.sleep(0.02)


async def test_no_advance_that_was_answered_is_undone_when_a_primary_that_works_is_replaced(
    store: RedisRefreshTokenStore, cluster: RedisCluster
) -> None:
    """P6, FT-03. From the promotion until the Sentinels told it so, the other replica still confirms what it writes."""
    assert cluster.network is not None
    old = cluster.primary()
    families = [await opened(store) for _ in range(20)]
    held = {family.id: 0 for family in families}
    is_settled = asyncio.Event()

    async def client(family: RefreshFamily) -> None:
        left = 3
        while left:
            left -= is_settled.is_set()
            advance = await sooner_or_later(lambda: store.advance(family.id, held[family.id], NOW))
            assert advance.rotation in SUCCESSES, f"{family.id} held {held[family.id]}"
            assert advance.generation == held[family.id] + 1
            held[family.id] = advance.generation

    clients = asyncio.gather(*(client(family) for family in families))
    cluster.network.cut([watcher.process.name for watcher in cluster.watchers], [old.process.name])
    await asyncio.to_thread(cluster.wait_for_new_primary, old)
    is_settled.set()
    await clients

    for family in families:
        found = await store.find_family(family.id, NOW)
        assert found is not None
        assert found.generation == held[family.id]


async def test_nothing_is_undone_that_was_answered_to_who_connects_while_a_primary_is_replaced(
    store: RedisRefreshTokenStore, settings: RedisSettings, cluster: RedisCluster, redis_namespace: str
) -> None:
    """P6, FT-03. They never saw the replica that was promoted, only the one that still confirms."""
    assert cluster.network is not None
    old = cluster.primary()
    families = [await opened(store) for _ in range(5)]
    held = {family.id: 0 for family in families}
    answered_by_the_old_one = 0
    is_settled = asyncio.Event()

    async def newcomers(family: RefreshFamily) -> None:
        nonlocal answered_by_the_old_one
        while not is_settled.is_set():
            async with RedisAccess(settings) as access:
                newcomer = RedisRefreshTokenStore(access, POLICY, f"refresh_token:{redis_namespace}")
                with suppress(Unavailable):
                    advance = await newcomer.advance(family.id, held[family.id], NOW)
                    assert advance.rotation in SUCCESSES, f"{family.id} held {held[family.id]}"
                    held[family.id] = advance.generation
                    answered_by_the_old_one += old.role() == "master"

    coming = asyncio.gather(*(newcomers(family) for family in families))
    cluster.network.cut([watcher.process.name for watcher in cluster.watchers], [old.process.name])
    new = await asyncio.to_thread(cluster.wait_for_new_primary, old)
    await asyncio.to_thread(new.wait_for_replicas, 1)
    is_settled.set()
    await coming

    assert answered_by_the_old_one > 0
    for family_id, generation in held.items():
        # RECOVER would say that the store has forgotten what it answered.
        advance = await sooner_or_later(partial(store.advance, family_id, generation, NOW))
        assert advance.rotation in SUCCESSES
        assert advance.generation == generation + 1


async def test_a_replica_that_dies_is_waited_for_only_until_the_sentinels_have_noticed(
    store: RedisRefreshTokenStore, cluster: RedisCluster
) -> None:
    """One of two may be away for as long as it likes, and counts again when it is back."""
    family = await opened(store)
    replica, other = cluster.replicas()
    replica.kill()

    await sooner_or_later(lambda: store.advance(family.id, 0, NOW), BACK_SECONDS)
    # Nobody waits for it any more.
    for generation in range(1, 20):
        await store.advance(family.id, generation, NOW)

    replica.start()
    cluster.primary().wait_for_replicas(2)
    other.kill()
    await sooner_or_later(lambda: store.advance(family.id, 20, NOW), BACK_SECONDS)


async def test_a_replica_that_hangs_is_waited_for_only_until_the_sentinels_have_noticed(
    store: RedisRefreshTokenStore, cluster: RedisCluster
) -> None:
    """The primary goes on taking it for one of its own."""
    family = await opened(store)
    replica, _ = cluster.replicas()
    replica.pause()

    await sooner_or_later(lambda: store.advance(family.id, 0, NOW), BACK_SECONDS)
    for generation in range(1, 20):
        await store.advance(family.id, generation, NOW)


async def test_both_replicas_have_what_was_answered(
    access: RedisAccess, store: RedisRefreshTokenStore, cluster: RedisCluster, redis_namespace: str
) -> None:
    """Whichever is promoted next."""
    family = await opened(store)
    await sooner_or_later(lambda: store.advance(family.id, 0, NOW))

    for generation in range(1, 100):
        await store.advance(family.id, generation, NOW)

        for replica in cluster.replicas():
            with replica.admin() as admin:
                held = admin.hget(f"refresh_token:{redis_namespace}:by_token:{family.id}", "generation")
            assert held == str(generation + 1)


async def test_a_replica_may_be_taken_away_for_good(store: RedisRefreshTokenStore, cluster: RedisCluster) -> None:
    """The Sentinels are told to forget it; nobody waits for somebody whom they do not know."""
    family = await opened(store)
    replica, _ = cluster.replicas()
    replica.kill()
    for watcher in cluster.watchers:
        watcher.ask("reset", cluster.master_name)

    await sooner_or_later(lambda: store.advance(family.id, 0, NOW), 30)
    for generation in range(1, 20):
        await store.advance(family.id, generation, NOW)
    wait_until("the Sentinels know one replica", lambda: _unless_one_replica(cluster), 60)
    await store.advance(family.id, 20, NOW)


def _unless_one_replica(cluster: RedisCluster) -> str | None:
    counts = [len(watcher.replicas_of(cluster.master_name)) for watcher in cluster.watchers]
    return None if counts == [1, 1, 1] else str(counts)
