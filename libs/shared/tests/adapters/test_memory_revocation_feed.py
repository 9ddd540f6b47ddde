import pytest
from contracts.revocation_feed import RevocationFeedContract, a_revocation
from contracts.support import NOW, SECOND, Unreachable, rehearsed
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.revocation_feed import MemoryRevocationFeed
from paseport_shared.domain.models.revocation import FeedPosition

EPOCH = 1_772_366_400


class TestMemoryRevocationFeed(RevocationFeedContract):
    @pytest.fixture
    def increments_kept(self) -> int:
        return 64

    @pytest.fixture
    def outage(self) -> MemoryOutage:
        return MemoryOutage()

    @pytest.fixture
    def feed(self, outage: MemoryOutage, increments_kept: int) -> MemoryRevocationFeed:
        return MemoryRevocationFeed(EPOCH, outage, increments_kept=increments_kept)

    @pytest.fixture
    def publisher(self, feed: MemoryRevocationFeed) -> MemoryRevocationFeed:
        return feed

    @pytest.fixture
    def unreachable(self, outage: MemoryOutage) -> Unreachable:
        return rehearsed(outage)

    async def test_a_new_process_is_filled_from_the_record(self, feed: MemoryRevocationFeed) -> None:
        on_record = [a_revocation() for _ in range(3)]

        feed.load(on_record)
        feed.load(on_record)

        assert (await feed.snapshot(NOW)).revocations == tuple(on_record)

    async def test_a_verifier_that_was_there_before_the_record_was_read_gets_it_as_increments(
        self, feed: MemoryRevocationFeed
    ) -> None:
        begin = (await feed.snapshot(NOW)).position
        on_record = [a_revocation() for _ in range(3)]

        feed.load(on_record)

        assert [change.revocation for change in await feed.changes_since(begin, 0)] == on_record

    async def test_positions_carry_the_epoch_of_this_start(self, feed: MemoryRevocationFeed) -> None:
        assert await feed.publish(a_revocation()) == FeedPosition(EPOCH, 1)

    async def test_expired_revocations_do_not_fill_the_memory(self, feed: MemoryRevocationFeed) -> None:
        for step in range(4000):
            await feed.publish(a_revocation(at=NOW + step * SECOND, life=300 * SECOND))

        assert len(feed._in_force) <= 1024
        assert len((await feed.snapshot(NOW + 3999 * SECOND)).revocations) == 300
