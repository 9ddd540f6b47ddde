"""What a cluster that loses parts does to refresh tokens, revocations and readers."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

import pytest
from contracts.refresh_token_store import GRACE, INSTANT, NO_GRACE, POLICY, a_family
from contracts.revocation_feed import a_revocation
from contracts.role_directory import a_state
from contracts.support import NOW, SECOND
from paseport.feed import FeedGap
from paseport.redis.access import RedisAccess
from paseport.revocation import FeedPosition
from paseport_shared.adapters.redis.refresh_token_store import RedisRefreshTokenStore
from paseport_shared.adapters.redis.revocation_publisher import RedisRevocationPublisher
from paseport_shared.adapters.redis.role_directory import RedisRoleDirectory
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.refresh_token import (
    UNCONFIRMED_REPLAY,
    Advance,
    RefreshFamily,
    Rotation,
    Spent,
)
from paseport_testkit.harness.redis import RedisCluster, RedisNode
from paseport_testkit.harness.waiting import wait_until
from redis_support import cluster_settings

T = TypeVar("T")

SUCCESSES = (Rotation.ROTATE, Rotation.REPLAY)
CUT_OFF_SECONDS = 1.5
"""When a verifier must have noticed that its feed went away (design §5)."""


@pytest.fixture
def cluster(partitionable_redis: RedisCluster) -> RedisCluster:
    return partitionable_redis


@pytest.fixture
async def access(cluster: RedisCluster, redis_namespace: str) -> AsyncIterator[RedisAccess]:
    settings = replace(cluster_settings(cluster), barrier_key=f"paseport:{redis_namespace}barrier")
    async with RedisAccess(settings) as access:
        yield access


@pytest.fixture
def store(access: RedisAccess, redis_namespace: str) -> RedisRefreshTokenStore:
    return RedisRefreshTokenStore(access, POLICY, f"refresh_token:{redis_namespace}")


@pytest.fixture
async def feed(access: RedisAccess, redis_namespace: str) -> RedisRevocationPublisher:
    """A feed that an issuer has filled."""
    feed = RedisRevocationPublisher(access, namespace=f"revocation:{redis_namespace}")
    assert await feed.mark_complete(await feed.epoch()) is True
    return feed


async def opened(store: RedisRefreshTokenStore) -> RefreshFamily:
    family = a_family()
    await store.open_family(family)
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


def cut_off_from_cluster(cluster: RedisCluster, node: RedisNode) -> None:
    """Neither replicas nor Sentinels reach this node any more; clients reach it, and everybody else."""
    assert cluster.network is not None
    others = [service.process.name for service in (*cluster.nodes, *cluster.watchers) if service is not node]
    cluster.network.cut(others, [node.process.name])
    cluster.network.cut([node.process.name], others)


# --- an advance that no replica confirms ------------------------------------------------------------------------------


async def test_an_advance_that_no_replica_confirms_is_not_answered_and_its_token_may_be_presented_again(
    store: RedisRefreshTokenStore, cluster: RedisCluster
) -> None:
    """FT-03: nobody holds the successor, so the predecessor is good for two minutes."""
    family = await opened(store)
    cluster.cut_replication()
    for after in (0 * SECOND, SECOND):
        with pytest.raises(Unavailable):
            await store.advance(family.id, 0, NOW + after)
    advanced = replace(family, generation=1, advanced_at=NOW)
    assert await store.find_family(family.id, NOW) == replace(advanced, spent=(Spent(0, NOW),), unconfirmed=True)
    cluster.restore()

    later = NOW + UNCONFIRMED_REPLAY
    assert await store.advance(family.id, 0, later) == Advance(Rotation.REPLAY, 1)

    # From now on somebody holds it, and the usual grace has begun.
    assert await store.find_family(family.id, later) == replace(advanced, spent=(Spent(0, later),))
    assert await store.advance(family.id, 0, later + GRACE) == Advance(Rotation.REPLAY, 1)
    assert await store.advance(family.id, 0, later + GRACE + INSTANT) == Advance(Rotation.REUSE)


async def test_the_successor_of_an_advance_that_no_replica_confirmed_ends_the_doubt_too(
    store: RedisRefreshTokenStore, cluster: RedisCluster
) -> None:
    """Who presents it was answered after all, however that came about."""
    family = await opened(store)
    cluster.cut_replication()
    with pytest.raises(Unavailable):
        await store.advance(family.id, 0, NOW)
    cluster.restore()

    assert await store.advance(family.id, 1, NOW) == Advance(Rotation.ROTATE, 2)

    assert await store.advance(family.id, 0, NOW) == Advance(Rotation.LATE)
    assert await store.advance(family.id, 0, NOW + GRACE + INSTANT) == Advance(Rotation.REUSE)


async def test_without_grace_an_advance_that_no_replica_confirms_may_be_asked_for_again_too(
    access: RedisAccess, cluster: RedisCluster, redis_namespace: str
) -> None:
    store = RedisRefreshTokenStore(access, NO_GRACE, f"refresh_token:{redis_namespace}")
    family = await opened(store)
    cluster.cut_replication()
    with pytest.raises(Unavailable):
        await store.advance(family.id, 0, NOW)
    cluster.restore()

    assert await store.advance(family.id, 0, NOW + SECOND) == Advance(Rotation.REPLAY, 1)
    assert await store.advance(family.id, 0, NOW + SECOND) == Advance(Rotation.REUSE)


async def test_a_removal_that_no_replica_confirms_is_not_reported_as_done_by_any_repetition(
    store: RedisRefreshTokenStore, cluster: RedisCluster
) -> None:
    """FT-04: a second removal finds nothing to remove; what it must not do is vouch for the first."""
    one, all_of_one = await opened(store), await opened(store)
    cluster.cut_replication()
    for call in (
        lambda: store.revoke_family(one.id),
        lambda: store.revoke_all(all_of_one.user_id),
        lambda: store.revoke_session(all_of_one.user_id, all_of_one.session_id or ""),
        lambda: store.revoke_client(all_of_one.user_id, all_of_one.client_id),
    ):
        for _ in range(2):
            with pytest.raises(Unavailable):
                await call()
    cluster.restore()

    assert await store.revoke_family(one.id) is None
    assert await store.revoke_all(all_of_one.user_id) == ()


async def test_what_vouches_for_earlier_writes_is_a_write_itself(access: RedisAccess, redis_namespace: str) -> None:
    """``WAIT`` speaks for the writes of its connection alone, from Redis 7.2 on; a barrier without one says nothing."""
    barrier = f"paseport:{redis_namespace}barrier"
    assert await access.send(("EXISTS", barrier)) == [0]

    await access.confirm()

    assert await access.send(("EXISTS", barrier)) == [1]


async def test_a_primary_that_lost_its_replicas_refuses_to_advance(
    store: RedisRefreshTokenStore, cluster: RedisCluster
) -> None:
    """FT-05: NOREPLICAS. Nothing is consumed."""
    family = await opened(store)
    primary = cluster.primary()
    for replica in cluster.replicas():
        replica.kill()

    def still_there() -> str | None:
        with primary.admin() as admin:
            return str(admin.info("replication")["connected_slaves"]).strip("0") or None

    wait_until("the replicas are gone", still_there, 10)

    with pytest.raises(Unavailable) as refusal:
        await store.advance(family.id, 0, NOW)

    assert "NOREPLICAS" in refusal.value.reason
    assert await store.find_family(family.id, NOW) == family


# --- another primary --------------------------------------------------------------------------------------------------


async def test_when_the_primary_is_killed_the_old_token_works_or_the_new_one_and_a_spent_one_never_again(
    store: RedisRefreshTokenStore, cluster: RedisCluster
) -> None:
    """FT-01, FT-02: between consume and store there is nothing to be killed in."""
    old = cluster.primary()
    families = [await opened(store) for _ in range(40)]
    rotations = 25
    held = {family.id: 0 for family in families}
    under_load = asyncio.Event()

    async def client(family: RefreshFamily) -> None:
        while held[family.id] < rotations:
            # Where the answer was lost, the client asks again with the only token that it holds.
            advance = await sooner_or_later(lambda: store.advance(family.id, held[family.id], NOW))
            assert advance.rotation in SUCCESSES
            assert advance.generation == held[family.id] + 1
            held[family.id] += 1
            if sum(held.values()) >= len(families) * rotations / 4:
                under_load.set()

    clients = asyncio.gather(*(client(family) for family in families))
    await under_load.wait()
    old.kill()
    await clients

    assert cluster.primary() is not old
    late = NOW + GRACE + INSTANT
    for family in families:
        found = await store.find_family(family.id, late)
        assert found is not None
        assert (found.generation, found.unconfirmed) == (rotations, False)
        assert await store.advance(family.id, rotations - 1, late) == Advance(Rotation.REUSE)


async def test_no_advance_that_was_answered_is_undone_when_replication_is_cut_before_a_promotion(
    store: RedisRefreshTokenStore, cluster: RedisCluster
) -> None:
    """FT-03: 0 of 1,000. Most of these were not answered, and their tokens still work."""
    old = cluster.primary()
    families = [await opened(store) for _ in range(1000)]
    answered: set[str] = set()
    some = asyncio.Event()
    is_cut = False

    async def client(family: RefreshFamily) -> None:
        # A busy machine answers some of a thousand too late: until the cut they ask again, after it nobody does.
        while family.id not in answered:
            try:
                advance = await store.advance(family.id, 0, NOW)
            except Unavailable:
                if is_cut:
                    return
                continue
            assert (advance.rotation in SUCCESSES, advance.generation) == (True, 1)
            answered.add(family.id)
            if len(answered) >= 300:
                some.set()

    clients = asyncio.gather(*(client(family) for family in families))
    async with asyncio.timeout(60):
        await some.wait()
    is_cut = True
    cluster.cut_replication()
    await clients
    old.kill()
    cluster.wait_for_new_primary(old)
    await sooner_or_later(lambda: store.find_family(families[0].id, NOW))

    late = NOW + GRACE + INSTANT

    async def again(family: RefreshFamily) -> Rotation:
        return (await sooner_or_later(lambda: store.advance(family.id, 0, late))).rotation

    rotations = {family.id: await again(family) for family in families}

    assert 300 <= len(answered) < len(families)
    # Gone is what was found reused by an answer that no replica confirmed in time.
    assert {rotations[family_id] for family_id in answered} <= {Rotation.REUSE, Rotation.GONE}
    assert {rotation for family_id, rotation in rotations.items() if family_id not in answered} <= set(SUCCESSES)


async def test_a_primary_left_behind_by_its_cluster_answers_no_advance_and_is_left_by_its_clients(
    store: RedisRefreshTokenStore, cluster: RedisCluster
) -> None:
    """FT-05: the old primary still answers. No success there after the split, whoever reaches it."""
    old = cluster.primary()
    families = [await opened(store) for _ in range(50)]
    held = {family.id: 0 for family in families}
    settled = asyncio.Event()

    async def client(family: RefreshFamily) -> None:
        left = 3
        while left:
            left -= settled.is_set()
            advance = await sooner_or_later(lambda: store.advance(family.id, held[family.id], NOW))
            assert advance.rotation in SUCCESSES
            held[family.id] = advance.generation

    clients = asyncio.gather(*(client(family) for family in families))
    cut_off_from_cluster(cluster, old)
    await asyncio.to_thread(cluster.wait_for_new_primary, old)
    settled.set()
    await clients

    assert old.role() == "master"
    for family in families:
        found = await store.find_family(family.id, NOW)
        assert found is not None
        assert found.generation == held[family.id]


async def test_connections_follow_a_primary_that_hands_over_in_order(
    access: RedisAccess, store: RedisRefreshTokenStore, cluster: RedisCluster
) -> None:
    """READONLY or a closed connection: either way the Sentinels are asked again."""
    old = cluster.primary()
    family = await opened(store)
    with cluster.watchers[0].admin() as admin:
        admin.execute_command("SENTINEL", "FAILOVER", cluster.master_name)
    cluster.wait_for_new_primary(old)

    advance = await sooner_or_later(lambda: store.advance(family.id, 0, NOW))

    # A replay where the first one was not confirmed: the old primary lives, and may be the next one for all we know.
    assert advance.rotation in SUCCESSES
    assert advance.generation == 1
    await sooner_or_later(access.confirm_primary)
    # What is killed is put back at once; the Sentinels would look after the old primary ten seconds later.
    old.kill()


# --- the Sentinels ----------------------------------------------------------------------------------------------------


async def test_without_a_majority_of_the_sentinels_the_service_goes_on_and_nothing_calls_its_primary_confirmed(
    store: RedisRefreshTokenStore, access: RedisAccess, cluster: RedisCluster
) -> None:
    family = await opened(store)
    await access.confirm_primary()
    for watcher in cluster.watchers[:2]:
        watcher.kill()

    assert await store.advance(family.id, 0, NOW) == Advance(Rotation.ROTATE, 1)

    async with RedisAccess(cluster_settings(cluster)) as later:
        await later.ping()
        with pytest.raises(Unavailable):
            await later.confirm_primary()


async def test_a_confirmation_is_good_for_half_a_second(access: RedisAccess, cluster: RedisCluster) -> None:
    await access.confirm_primary()
    begin = time.monotonic()
    for watcher in cluster.watchers[:2]:
        watcher.pause()

    async def as_long_as_it_is_good() -> None:
        while time.monotonic() < begin + 10:
            await access.confirm_primary()
            await asyncio.sleep(0.02)

    with pytest.raises(Unavailable):
        await as_long_as_it_is_good()

    # The last answer, and how long Sentinels that stand still are waited for.
    assert time.monotonic() - begin < 0.5 + 0.25 + 0.25


async def test_one_sentinel_that_is_away_is_not_missed(access: RedisAccess, cluster: RedisCluster) -> None:
    cluster.watchers[0].pause()

    await access.ping()
    await access.confirm_primary()


# --- the feed ---------------------------------------------------------------------------------------------------------


async def test_a_verifier_loses_no_revocation_when_the_primary_is_killed(
    feed: RedisRevocationPublisher, cluster: RedisCluster
) -> None:
    """FT-04: the new primary's feed is not read until an issuer has filled it; what was acknowledged is there."""
    revocations = [a_revocation() for _ in range(20)]
    position = FeedPosition(0, 0)
    for revocation in revocations:
        position = await feed.publish(revocation)
    old = cluster.primary()

    old.kill()
    begin = time.monotonic()
    with pytest.raises(Unavailable):
        await feed.changes_since(position, 0.5)
    assert time.monotonic() - begin < CUT_OFF_SECONDS
    cluster.wait_for_new_primary(old)

    with pytest.raises(FeedGap):
        await sooner_or_later(lambda: feed.changes_since(position, 0))
    with pytest.raises(Unavailable):
        await feed.snapshot(NOW)
    assert await feed.is_complete() is False
    epoch = await sooner_or_later(feed.epoch)
    assert epoch > position.epoch
    assert await feed.mark_complete(epoch) is True
    assert set((await feed.snapshot(NOW)).revocations) == set(revocations)


async def test_a_verifier_that_waits_for_a_primary_which_stands_still_notices_in_time(
    feed: RedisRevocationPublisher, cluster: RedisCluster
) -> None:
    """FT-08, FT-09: a half-open link looks the same."""
    position = (await feed.snapshot(NOW)).position
    waiting = asyncio.create_task(feed.changes_since(position, 0.5))
    await asyncio.wait([waiting], timeout=0.1)

    cluster.primary().pause()
    begin = time.monotonic()
    with pytest.raises(Unavailable):
        await waiting

    assert time.monotonic() - begin < CUT_OFF_SECONDS


async def test_a_verifier_cut_off_together_with_the_primary_is_not_told_that_all_is_quiet(
    access: RedisAccess, feed: RedisRevocationPublisher, cluster: RedisCluster, redis_namespace: str
) -> None:
    """FT-05: this primary answers, its feed is complete; revocations and roles are written elsewhere."""
    directory = RedisRoleDirectory(access, namespace=f"role:{redis_namespace}")
    state = a_state()
    await directory.put(state)
    position = (await feed.snapshot(NOW)).position
    assert await directory.find(state.user_id) == state
    assert await feed.changes_since(position, 0) == ()

    cluster.isolate(cluster.primary(), with_clients=True, with_watchers=cluster.watchers[:1])
    begin = time.monotonic()
    with pytest.raises(Unavailable):
        await until_it_is_refused(feed, position)

    assert time.monotonic() - begin < CUT_OFF_SECONDS
    await access.ping()
    with pytest.raises(Unavailable):
        await directory.find(state.user_id)

    cluster.restore()
    await sooner_or_later(access.confirm_primary)
    assert await directory.find(state.user_id) == state


async def test_a_verifier_that_reaches_both_sides_of_a_split_goes_where_the_majority_is(
    feed: RedisRevocationPublisher, cluster: RedisCluster
) -> None:
    """FT-05."""
    old = cluster.primary()
    position = (await feed.snapshot(NOW)).position
    cut_off_from_cluster(cluster, old)
    await asyncio.to_thread(cluster.wait_for_new_primary, old)

    with pytest.raises(FeedGap):
        await sooner_or_later(lambda: until_it_is_refused(feed, position))

    assert old.role() == "master"
    assert await sooner_or_later(feed.epoch) > position.epoch


async def until_it_is_refused(feed: RedisRevocationPublisher, position: FeedPosition) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        await feed.changes_since(position, 0.5)
