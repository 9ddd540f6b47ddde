import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import datetime

import pytest
from contracts.revocation_feed import a_revocation
from paseport.feed import RevocationFeed
from paseport.follow_revocations import ANSWER_SECONDS, HEARTBEAT_SECONDS, FollowRevocations
from paseport.revocation import FeedChange, FeedPosition, FeedSnapshot, Revocation, RevocationKind
from paseport.revocation_list import STALE_AFTER_SECONDS, RevocationList
from paseport_shared.adapters.memory.clock import START, ManualClock
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.revocation_feed import MemoryRevocationFeed
from paseport_shared.domain.errors import Unavailable
from standstill import stand_still

PATIENCE_SECONDS = 10
"""How long a test waits for what must happen at once before it fails."""


class WatchedList(RevocationList):
    """A verifier's copy that lets a test wait until it was brought up to date."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.updated = asyncio.Event()
        self.tidied = asyncio.Event()

    def merge(self, snapshot: FeedSnapshot) -> None:
        super().merge(snapshot)
        self.updated.set()

    def apply(self, changes: tuple[FeedChange, ...]) -> None:
        super().apply(changes)
        self.updated.set()

    def forget_expired(self, now: datetime) -> None:
        super().forget_expired(now)
        self.tidied.set()

    async def next_update(self) -> None:
        self.updated.clear()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.updated.wait()


class Relay:
    """A ``RevocationFeed`` whose backend can be exchanged, as after a failover."""

    def __init__(self, backend: RevocationFeed) -> None:
        self.backend = backend

    async def snapshot(self, now: datetime) -> FeedSnapshot:
        return await self.backend.snapshot(now)

    async def changes_since(self, position: FeedPosition, wait_seconds: float) -> tuple[FeedChange, ...]:
        return await self.backend.changes_since(position, wait_seconds)


class HastyFeed(Relay):
    """A feed that never waits: heartbeats come as fast as they are asked for."""

    async def changes_since(self, position: FeedPosition, wait_seconds: float) -> tuple[FeedChange, ...]:
        await asyncio.sleep(0)
        return await self.backend.changes_since(position, 0)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def outage() -> MemoryOutage:
    return MemoryOutage()


@pytest.fixture
async def feed(outage: MemoryOutage) -> MemoryRevocationFeed:
    feed = MemoryRevocationFeed(1, outage, increments_kept=2)
    await feed.mark_complete(1)
    return feed


@pytest.fixture
def relay(feed: MemoryRevocationFeed) -> Relay:
    return Relay(feed)


@pytest.fixture
def copy(clock: ManualClock) -> WatchedList:
    return WatchedList(clock)


@pytest.fixture
def follow(relay: Relay, copy: WatchedList, clock: ManualClock) -> FollowRevocations:
    return FollowRevocations([(relay, HEARTBEAT_SECONDS)], copy, clock)


@asynccontextmanager
async def running(follow: FollowRevocations) -> AsyncIterator[None]:
    """The follower runs beside the test, as it does beside a verifier."""
    task = asyncio.create_task(follow())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def fill(feed: MemoryRevocationFeed, revocations: Iterable[Revocation] = ()) -> None:
    """An issuer publishes what is in force and declares the feed complete."""
    for revocation in revocations:
        await feed.publish(revocation)
    await feed.mark_complete(await feed.epoch())


def held(copy: RevocationList) -> int:
    return sum(copy.state().in_force.values())


# --- step by step -----------------------------------------------------------------------------------------------------


async def test_a_verifier_begins_with_a_snapshot(
    follow: FollowRevocations, feed: MemoryRevocationFeed, copy: WatchedList
) -> None:
    await fill(feed, [a_revocation(at=START) for _ in range(5)])

    await follow.step()

    assert held(copy) == 5
    assert copy.position == FeedPosition(1, 5)


async def test_a_snapshot_leaves_out_what_expired_by_the_verifiers_clock(
    follow: FollowRevocations, feed: MemoryRevocationFeed, copy: WatchedList, clock: ManualClock
) -> None:
    await fill(feed, [a_revocation(at=START)])
    clock.advance(3600)

    await follow.step()

    assert held(copy) == 0


async def test_a_verifier_goes_on_with_increments(
    follow: FollowRevocations, feed: MemoryRevocationFeed, copy: WatchedList
) -> None:
    await follow.step(0)
    position = await feed.publish(a_revocation(RevocationKind.KEY, at=START))

    await follow.step(0)

    assert copy.position == position
    assert dict(copy.state().in_force) == {RevocationKind.KEY: 1}


async def test_a_heartbeat_renews_the_copy(follow: FollowRevocations, copy: WatchedList, clock: ManualClock) -> None:
    await follow.step(0)
    clock.advance(4)

    await follow.step(0)

    assert copy.state().age_seconds == 0


async def test_a_verifier_that_fell_behind_reads_a_snapshot(
    follow: FollowRevocations, feed: MemoryRevocationFeed, copy: WatchedList
) -> None:
    await follow.step(0)
    for _ in range(3):
        await feed.publish(a_revocation(at=START))

    await follow.step(0)

    assert held(copy) == 3
    assert copy.position == FeedPosition(1, 3)


async def test_a_new_epoch_is_read_from_a_snapshot(
    follow: FollowRevocations, relay: Relay, feed: MemoryRevocationFeed, copy: WatchedList
) -> None:
    """After a failover the numbers mean something else, even where they look alike."""
    await feed.publish(a_revocation(at=START))
    await follow.step(0)
    promoted = MemoryRevocationFeed(2)
    await fill(promoted, [a_revocation(RevocationKind.FAMILY, at=START)])
    relay.backend = promoted

    await follow.step(0)

    assert copy.position == FeedPosition(2, 1)
    assert dict(copy.state().in_force) == {RevocationKind.SESSION: 1, RevocationKind.FAMILY: 1}


async def test_an_outage_ages_the_copy_until_nobody_trusts_it(
    follow: FollowRevocations, copy: WatchedList, outage: MemoryOutage, clock: ManualClock
) -> None:
    await follow.step(0)

    with outage:
        clock.advance(STALE_AFTER_SECONDS + 0.1)
        with pytest.raises(Unavailable):
            await follow.step(0)

    assert copy.state().age_seconds == pytest.approx(STALE_AFTER_SECONDS + 0.1)
    assert not copy.state().is_fresh


async def test_an_outage_loses_nothing_that_was_held(
    follow: FollowRevocations, feed: MemoryRevocationFeed, copy: WatchedList, outage: MemoryOutage
) -> None:
    await feed.publish(a_revocation(at=START))
    await follow.step(0)

    with outage, pytest.raises(Unavailable):
        await follow.step(0)
    await fill(feed, [a_revocation(at=START)])
    await follow.step(0)

    assert held(copy) == 2


async def test_an_outage_during_a_resync_leaves_the_copy_as_it_was(
    follow: FollowRevocations, relay: Relay, feed: MemoryRevocationFeed, copy: WatchedList
) -> None:
    """The gap was seen, the snapshot did not come: what was known stays in force, the position stays behind."""
    await feed.publish(a_revocation(at=START))
    await follow.step(0)
    down = MemoryOutage()

    class GoesAwayAfterTheGap(Relay):
        async def snapshot(self, now: datetime) -> FeedSnapshot:
            with down:
                return await self.backend.snapshot(now)

    relay.backend = GoesAwayAfterTheGap(MemoryRevocationFeed(2, down))

    with pytest.raises(Unavailable):
        await follow.step(0)

    assert held(copy) == 1
    assert copy.position == FeedPosition(1, 1)


# --- several feeds ----------------------------------------------------------------------------------------------------


@pytest.fixture
async def second(second_outage: MemoryOutage) -> MemoryRevocationFeed:
    feed = MemoryRevocationFeed(900, second_outage)
    await feed.mark_complete(900)
    return feed


@pytest.fixture
def second_outage() -> MemoryOutage:
    return MemoryOutage()


@pytest.fixture
def follow_both(
    feed: MemoryRevocationFeed, second: MemoryRevocationFeed, copy: WatchedList, clock: ManualClock
) -> FollowRevocations:
    return FollowRevocations([(feed, HEARTBEAT_SECONDS), (second, HEARTBEAT_SECONDS)], copy, clock)


async def test_the_second_feed_is_followed_while_the_first_is_away_and_no_longer(
    follow_both: FollowRevocations,
    feed: MemoryRevocationFeed,
    second: MemoryRevocationFeed,
    copy: WatchedList,
    outage: MemoryOutage,
) -> None:
    """FT-08."""
    await follow_both.step(0)
    assert follow_both.following == 0

    with outage:
        await second.publish(a_revocation(RevocationKind.KEY, at=START))
        await follow_both.step(0)
        assert follow_both.following == 1
        await second.publish(a_revocation(RevocationKind.TOKEN, at=START))
        await follow_both.step(0)
    await feed.publish(a_revocation(RevocationKind.FAMILY, at=START))
    await follow_both.step(0)

    assert follow_both.following == 0
    assert dict(copy.state().in_force) == {
        RevocationKind.KEY: 1,
        RevocationKind.TOKEN: 1,
        RevocationKind.FAMILY: 1,
    }


async def test_what_one_feed_named_stays_revoked_where_the_other_does_not_name_it(
    follow_both: FollowRevocations, feed: MemoryRevocationFeed, copy: WatchedList, outage: MemoryOutage
) -> None:
    """FT-08: a sign-out is in Redis at once and on record a moment later."""
    await feed.publish(a_revocation(at=START))
    await follow_both.step(0)

    with outage:
        await follow_both.step(0)

    assert held(copy) == 1


async def test_without_any_feed_a_step_says_so(
    follow_both: FollowRevocations, outage: MemoryOutage, second_outage: MemoryOutage
) -> None:
    await follow_both.step(0)

    with outage, second_outage, pytest.raises(Unavailable):
        await follow_both.step(0)

    assert follow_both.following is None


async def test_a_feed_that_hangs_is_given_up_for_the_next_one(
    second: MemoryRevocationFeed, copy: WatchedList, clock: ManualClock
) -> None:
    """FT-09: a half-open connection."""

    class HangingFeed:
        async def snapshot(self, now: datetime) -> FeedSnapshot:
            await asyncio.Event().wait()
            raise AssertionError

        async def changes_since(self, position: FeedPosition, wait_seconds: float) -> tuple[FeedChange, ...]:
            raise AssertionError

    follow = FollowRevocations([(HangingFeed(), HEARTBEAT_SECONDS), (second, HEARTBEAT_SECONDS)], copy, clock)

    async with asyncio.timeout(PATIENCE_SECONDS):
        await follow.step(0)

    assert follow.following == 1


async def test_a_feed_that_answered_while_the_process_stood_still_is_heard(
    second: MemoryRevocationFeed, copy: WatchedList, clock: ManualClock
) -> None:
    """FA-07: a collection of garbage, a machine that is not served: half a second passes, and the answer is there."""

    class AnsweringMeanwhile(Relay):
        async def snapshot(self, now: datetime) -> FeedSnapshot:
            answer = asyncio.create_task(asyncio.to_thread(time.sleep, ANSWER_SECONDS / 2))
            await asyncio.sleep(0)
            stand_still(ANSWER_SECONDS * 1.5)
            await answer
            return await super().snapshot(now)

    feeds = [(AnsweringMeanwhile(second), HEARTBEAT_SECONDS)]

    await FollowRevocations(feeds, copy, clock).step(0)

    assert copy.position is not None


# --- running ----------------------------------------------------------------------------------------------------------


async def test_a_running_verifier_hears_of_a_revocation_at_once(
    follow: FollowRevocations, feed: MemoryRevocationFeed, copy: WatchedList
) -> None:
    async with running(follow):
        await copy.next_update()
        position = await feed.publish(a_revocation(at=START))
        await copy.next_update()

    assert copy.position == position


async def test_a_verifier_that_starts_during_an_outage_catches_up_by_itself(
    follow: FollowRevocations, feed: MemoryRevocationFeed, copy: WatchedList, outage: MemoryOutage
) -> None:
    await fill(feed, [a_revocation(at=START)])

    async with running(follow):
        with outage:
            await asyncio.sleep(0)
            assert copy.position is None
        await copy.next_update()

    assert held(copy) == 1


async def test_a_verifier_that_runs_for_long_forgets_what_expired(
    feed: MemoryRevocationFeed, copy: WatchedList, clock: ManualClock
) -> None:
    await fill(feed, [a_revocation(at=START) for _ in range(2)])

    async with running(FollowRevocations([(HastyFeed(feed), HEARTBEAT_SECONDS)], copy, clock)):
        await copy.next_update()
        assert held(copy) == 2
        clock.advance(3600)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await copy.tidied.wait()

    assert held(copy) == 0


async def test_a_stopped_verifier_stops_following(
    follow: FollowRevocations, feed: MemoryRevocationFeed, copy: WatchedList
) -> None:
    async with running(follow):
        await copy.next_update()

    await feed.publish(a_revocation(at=START))

    assert held(copy) == 0
