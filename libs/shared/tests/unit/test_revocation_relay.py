"""Readers of an issuer whose own copy is filled by a feed that they do not see."""

import asyncio

import pytest
from contracts.revocation_feed import a_revocation
from paseport.feed import FeedGap
from paseport.revocation import FeedChange, FeedPosition, FeedSnapshot, RevocationKind
from paseport.revocation_list import RevocationList
from paseport_shared.adapters.memory.clock import START, ManualClock
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.revocation_relay import LONG_POLL_SECONDS, RevocationRelay

EPOCH = 77
BEGIN = FeedPosition(EPOCH, 0)
BEHIND = FeedPosition(5, 100)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def copy(clock: ManualClock) -> RevocationList:
    return RevocationList(clock)


@pytest.fixture
def relay(copy: RevocationList) -> RevocationRelay:
    relay = RevocationRelay(copy, EPOCH, increments_kept=4)
    copy.merge(FeedSnapshot(BEHIND, ()))
    return relay


def heartbeat(copy: RevocationList) -> None:
    copy.apply(())


async def test_a_reader_gets_everything_in_force_with_a_position_of_the_relay(
    relay: RevocationRelay, copy: RevocationList
) -> None:
    revocation = a_revocation(at=START)
    copy.apply((FeedChange(FeedPosition(5, 101), revocation),))

    assert await relay.snapshot(START) == FeedSnapshot(FeedPosition(EPOCH, 1), (revocation,))
    assert (await relay.snapshot(revocation.expires_at)).revocations == ()


async def test_a_reader_gets_each_revocation_once_whatever_snapshots_the_relay_reads_behind_it(
    relay: RevocationRelay, copy: RevocationList
) -> None:
    revocation = a_revocation(at=START)
    copy.apply((FeedChange(FeedPosition(5, 101), revocation),))

    copy.merge(FeedSnapshot(FeedPosition(6, 0), (revocation,)))
    copy.learn(revocation)

    assert await relay.changes_since(BEGIN, 0) == (FeedChange(FeedPosition(EPOCH, 1), revocation),)


async def test_a_revocation_that_grew_stricter_is_passed_on_again(relay: RevocationRelay, copy: RevocationList) -> None:
    for min_version in (2, 3, 2):
        copy.learn(a_revocation(RevocationKind.USER, "alice", min_version=min_version, at=START))

    changes = await relay.changes_since(BEGIN, 0)

    assert [change.revocation.min_version for change in changes] == [2, 3]


async def test_what_the_issuer_revoked_itself_wakes_a_reader_at_once(
    relay: RevocationRelay, copy: RevocationList
) -> None:
    waiting = asyncio.create_task(relay.changes_since(BEGIN, 30))
    await asyncio.sleep(0)

    copy.learn(a_revocation(at=START))

    assert len(await waiting) == 1


async def test_a_waiting_reader_hears_with_the_next_heartbeat_that_there_is_nothing(
    relay: RevocationRelay, copy: RevocationList
) -> None:
    """Its copy is as old as the answer then, however long the relay has waited itself."""
    waiting = asyncio.create_task(relay.changes_since(BEGIN, 30))
    await asyncio.sleep(0)

    heartbeat(copy)

    assert await waiting == ()


async def test_a_relay_that_hears_nothing_while_a_reader_waits_is_silent_too(
    relay: RevocationRelay, clock: ManualClock
) -> None:
    """P2: a chain of feeds is no older than each of them alone may be."""
    assert await relay.changes_since(BEGIN, 0) == ()

    with pytest.raises(Unavailable):
        await relay.changes_since(BEGIN, LONG_POLL_SECONDS)


async def test_a_relay_whose_feed_is_away_answers_nobody(
    relay: RevocationRelay, copy: RevocationList, clock: ManualClock
) -> None:
    clock.advance(1.6)
    copy.learn(a_revocation(at=START))

    with pytest.raises(Unavailable):
        await relay.snapshot(START)
    with pytest.raises(Unavailable):
        await relay.changes_since(BEGIN, 0)

    heartbeat(copy)
    assert len(await relay.changes_since(BEGIN, 0)) == 1


async def test_a_relay_that_never_heard_of_its_feed_answers_nobody(copy: RevocationList) -> None:
    with pytest.raises(Unavailable):
        await RevocationRelay(copy, EPOCH).snapshot(START)


@pytest.mark.parametrize("position", [FeedPosition(EPOCH + 1, 0), FeedPosition(5, 100), FeedPosition(EPOCH, 9)])
async def test_a_position_of_somebody_else_is_a_gap(relay: RevocationRelay, position: FeedPosition) -> None:
    with pytest.raises(FeedGap):
        await relay.changes_since(position, 0)


async def test_a_reader_that_fell_too_far_behind_gets_a_gap_and_never_a_part(
    relay: RevocationRelay, copy: RevocationList
) -> None:
    for _ in range(5):
        copy.learn(a_revocation(at=START))

    with pytest.raises(FeedGap):
        await relay.changes_since(BEGIN, 0)
    assert len(await relay.changes_since(FeedPosition(EPOCH, 1), 0)) == 4
