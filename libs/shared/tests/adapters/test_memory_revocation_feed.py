import pytest
from contracts.revocation_feed import LoseEverything, RevocationFeedContract, a_revocation
from contracts.support import NOW, SECOND, Unreachable, rehearsed
from paseport.revocation import FeedPosition
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.revocation_feed import MemoryRevocationFeed

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
    def lose_everything(self, feed: MemoryRevocationFeed) -> LoseEverything:
        async def lose() -> None:
            feed.lose_everything()

        return lose

    @pytest.fixture
    def publisher(self, feed: MemoryRevocationFeed) -> MemoryRevocationFeed:
        return feed

    @pytest.fixture
    def unreachable(self, outage: MemoryOutage) -> Unreachable:
        return rehearsed(outage)

    async def test_positions_carry_the_epoch_of_this_start(self, feed: MemoryRevocationFeed) -> None:
        assert await feed.publish(a_revocation()) == FeedPosition(EPOCH, 1)

    async def test_expired_revocations_do_not_fill_the_memory(self, feed: MemoryRevocationFeed) -> None:
        for step in range(4000):
            await feed.publish(a_revocation(at=NOW + step * SECOND, life=300 * SECOND))

        assert len(feed._in_force) <= 1024
        assert len((await feed.snapshot(NOW + 3999 * SECOND)).revocations) == 300
