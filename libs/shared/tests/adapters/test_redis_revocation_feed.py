import asyncio
from collections.abc import AsyncIterator

import pytest
from contracts.revocation_feed import LoseEverything, RevocationFeedContract, a_revocation
from contracts.support import NOW, SECOND
from paseport.feed import FeedGap
from paseport.redis.access import RedisAccess
from paseport.redis.revocation_feed import RedisRevocationFeed
from paseport.redis.settings import tagged
from paseport_shared.adapters.redis.revocation_publisher import RedisRevocationPublisher
from paseport_testkit.harness.redis import RedisCluster, RedisNode
from redis_support import OnACluster, OnASingleNode, cluster_settings, lose, node_settings, unhurried


class RedisRevocationFeedContract(RevocationFeedContract):
    @pytest.fixture
    def increments_kept(self) -> int:
        return 64

    @pytest.fixture
    def namespace(self, redis_namespace: str) -> str:
        return f"revocation:{redis_namespace}"

    @pytest.fixture
    def publisher(self, access: RedisAccess, increments_kept: int, namespace: str) -> RedisRevocationPublisher:
        return RedisRevocationPublisher(access, increments_kept=increments_kept, namespace=namespace)

    @pytest.fixture
    def feed(self, verifier: RedisAccess, namespace: str) -> RedisRevocationFeed:
        return RedisRevocationFeed(verifier, namespace=namespace)

    @pytest.fixture
    def lose_everything(self, access: RedisAccess, namespace: str) -> LoseEverything:
        async def flush() -> None:
            parts = ["state", "in_force", "by_expiry", "increments"]
            await lose(access, *(f"{tagged(namespace)}:{part}" for part in parts))

        return flush

    async def test_a_feed_that_loses_everything_while_a_verifier_waits_sends_no_heartbeat(
        self, feed: RedisRevocationFeed, lose_everything: LoseEverything
    ) -> None:
        """Redis does not wake who waits for a stream that is deleted."""
        position = (await feed.snapshot(NOW)).position
        waiting = asyncio.create_task(feed.changes_since(position, 0.3))
        await asyncio.wait([waiting], timeout=0.1)

        await lose_everything()

        with pytest.raises(FeedGap):
            await waiting

    async def test_what_is_too_much_for_one_answer_is_read_in_pages_and_nothing_is_left_out(
        self, publisher: RedisRevocationPublisher, verifier: RedisAccess, namespace: str
    ) -> None:
        """Redis serves nobody else while it reads one; what is revoked meanwhile follows from the first position."""
        feed = RedisRevocationFeed(verifier, namespace=namespace, page_size=50)
        before = {a_revocation() for _ in range(700)}
        for revocation in before:
            await publisher.publish(revocation)

        page = first = await feed.snapshot(NOW)
        meanwhile = a_revocation()
        await publisher.publish(meanwhile)
        found, pages = set(page.revocations), 1
        while page.next is not None:
            page = await feed.snapshot(NOW, page.next)
            found |= set(page.revocations)
            pages += 1
        changes = await feed.changes_since(first.position, 0)

        assert found | {meanwhile} == before | {meanwhile}
        assert pages > 2
        assert [change.what for change in changes] == [meanwhile]

    async def test_a_page_of_a_feed_that_began_anew_is_a_gap(
        self,
        publisher: RedisRevocationPublisher,
        verifier: RedisAccess,
        namespace: str,
        lose_everything: LoseEverything,
    ) -> None:
        feed = RedisRevocationFeed(verifier, namespace=namespace, page_size=50)
        for _ in range(700):
            await publisher.publish(a_revocation())
        page = (await feed.snapshot(NOW)).next
        assert page is not None
        await lose_everything()
        await publisher.mark_complete(await publisher.epoch())

        with pytest.raises(FeedGap):
            await feed.snapshot(NOW, page)


class TestRedisRevocationFeedOnACluster(OnACluster, RedisRevocationFeedContract):
    @pytest.fixture
    async def verifier(self, redis_cluster: RedisCluster) -> AsyncIterator[RedisAccess]:
        async with RedisAccess(unhurried(cluster_settings(redis_cluster))) as verifier:
            yield verifier


class TestRedisRevocationFeedOnASingleNode(OnASingleNode, RedisRevocationFeedContract):
    @pytest.fixture
    async def verifier(self, redis_node: RedisNode) -> AsyncIterator[RedisAccess]:
        async with RedisAccess(unhurried(node_settings(redis_node))) as verifier:
            yield verifier

    async def test_expired_revocations_do_not_fill_the_memory(
        self, publisher: RedisRevocationPublisher, feed: RedisRevocationFeed, access: RedisAccess, namespace: str
    ) -> None:
        for step in range(1000):
            await publisher.publish(a_revocation(at=NOW + step * SECOND, life=300 * SECOND))

        held = await access.send(("HLEN", f"{tagged(namespace)}:in_force"), ("ZCARD", f"{tagged(namespace)}:by_expiry"))
        assert held == [300, 300]
        assert len((await feed.snapshot(NOW + 999 * SECOND)).revocations) == 300
