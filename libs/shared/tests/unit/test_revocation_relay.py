"""Readers of an issuer whose own copy is filled by a feed that they do not see."""

import asyncio

import pytest
from contracts.revocation_feed import a_revocation
from paseport.feed import FeedGap
from paseport.revocation import FeedChange, FeedPosition, FeedSnapshot, Revocation, RevocationKind, SubjectChange
from paseport.revocation_list import RevocationList
from paseport_shared.adapters.memory.clock import START, ManualClock
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.revocation_relay import LONG_POLL_SECONDS, WITHOUT_POSITIONS, RevocationRelay

EPOCH = 77
BEGIN = FeedPosition(5, 100)
ON_RECORD = FeedPosition(WITHOUT_POSITIONS, 0)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def copy(clock: ManualClock) -> RevocationList:
    return RevocationList(clock)


@pytest.fixture
def relay(copy: RevocationList) -> RevocationRelay:
    relay = RevocationRelay(copy, EPOCH, increments_kept=4)
    copy.merge(FeedSnapshot(BEGIN, ()))
    return relay


def brings(copy: RevocationList, *news: Revocation | SubjectChange) -> FeedPosition:
    """The feed behind brings increments; none of them is a heartbeat."""
    begin = copy.position
    assert begin is not None
    changes = [
        FeedChange(FeedPosition(begin.epoch, begin.seq + number), what) for number, what in enumerate(news, start=1)
    ]
    copy.apply(tuple(changes))
    return changes[-1].position if changes else begin


# --- behind it is a feed with positions -------------------------------------------------------------------------------


async def test_a_reader_gets_everything_in_force_and_where_to_go_on_at_whichever_issuer(
    relay: RevocationRelay, copy: RevocationList
) -> None:
    revocation = a_revocation(at=START)
    here = brings(copy, revocation)

    assert await relay.snapshot(START) == FeedSnapshot(here, (revocation,))
    assert (await relay.snapshot(revocation.expires_at)).revocations == ()
    assert here == FeedPosition(5, 101)


async def test_increments_are_passed_on_as_they_came(relay: RevocationRelay, copy: RevocationList) -> None:
    news = [a_revocation(at=START), SubjectChange("alice", 4), a_revocation(at=START)]
    brings(copy, *news)

    changes = await relay.changes_since(BEGIN, 0)

    assert [change.what for change in changes] == news
    assert [change.position.seq for change in changes] == [101, 102, 103]


async def test_two_issuers_give_the_same_positions(relay: RevocationRelay, copy: RevocationList) -> None:
    """Behind a balancer each question may go to another one."""
    other_copy = RevocationList(ManualClock())
    other = RevocationRelay(other_copy, EPOCH + 1)
    other_copy.merge(FeedSnapshot(BEGIN, ()))
    revocation, later = a_revocation(at=START), a_revocation(at=START)
    here = brings(copy, revocation)
    brings(other_copy, revocation, later)

    assert [change.what for change in await other.changes_since(here, 0)] == [later]


async def test_a_reader_who_is_ahead_of_this_issuer_is_answered_once_it_has_caught_up(
    relay: RevocationRelay, copy: RevocationList
) -> None:
    ahead = FeedPosition(5, 101)
    waiting = asyncio.create_task(relay.changes_since(ahead, 30))
    await asyncio.sleep(0)

    brings(copy, a_revocation(at=START))

    assert await waiting == ()


async def test_what_the_issuer_did_itself_is_passed_on_when_the_feed_brings_it(
    relay: RevocationRelay, copy: RevocationList
) -> None:
    """It has no position before."""
    revocation = a_revocation(at=START)
    copy.learn(revocation)
    assert await relay.changes_since(BEGIN, 0) == ()

    here = brings(copy, revocation)

    assert await relay.changes_since(BEGIN, 0) == (FeedChange(here, revocation),)


async def test_a_new_epoch_behind_is_a_gap_here(relay: RevocationRelay, copy: RevocationList) -> None:
    here = brings(copy, a_revocation(at=START))

    copy.merge(FeedSnapshot(FeedPosition(6, 3), ()))

    with pytest.raises(FeedGap):
        await relay.changes_since(here, 0)
    assert (await relay.snapshot(START)).position == FeedPosition(6, 3)
    assert await relay.changes_since(FeedPosition(6, 3), 0) == ()


# --- behind it is the record, which has none --------------------------------------------------------------------------


async def test_without_positions_behind_it_a_reader_goes_on_with_the_relay_s_own(
    relay: RevocationRelay, copy: RevocationList
) -> None:
    copy.merge(FeedSnapshot(ON_RECORD, ()))
    begin = (await relay.snapshot(START)).position
    assert begin.epoch == EPOCH
    revocation = a_revocation(at=START)

    copy.merge(FeedSnapshot(ON_RECORD, (revocation,)))

    assert [change.what for change in await relay.changes_since(begin, 0)] == [SubjectChange(), revocation]


async def test_the_record_names_nobody_who_changed_so_everybody_s_copies_are_old_each_time(
    relay: RevocationRelay, copy: RevocationList
) -> None:
    """P3, while Redis is away."""
    copy.merge(FeedSnapshot(ON_RECORD, ()))
    begin = (await relay.snapshot(START)).position

    copy.merge(FeedSnapshot(ON_RECORD, ()))
    copy.merge(FeedSnapshot(ON_RECORD, ()))

    assert [change.what for change in await relay.changes_since(begin, 0)] == [SubjectChange(), SubjectChange()]


async def test_what_the_issuer_did_itself_wakes_a_reader_at_once_while_nothing_else_does(
    relay: RevocationRelay, copy: RevocationList
) -> None:
    copy.merge(FeedSnapshot(ON_RECORD, ()))
    begin = (await relay.snapshot(START)).position
    waiting = asyncio.create_task(relay.changes_since(begin, 30))
    await asyncio.sleep(0)
    revocation = a_revocation(at=START)

    copy.learn(revocation)

    assert [change.what for change in await waiting] == [revocation]


async def test_a_revocation_that_grew_stricter_is_passed_on_again(relay: RevocationRelay, copy: RevocationList) -> None:
    copy.merge(FeedSnapshot(ON_RECORD, ()))
    begin = (await relay.snapshot(START)).position

    for min_version in (2, 3, 2):
        copy.learn(a_revocation(RevocationKind.USER, "alice", min_version=min_version, at=START))

    versions = [change.what.min_version for change in await relay.changes_since(begin, 0)]
    assert versions == [2, 3]


async def test_a_feed_that_comes_back_is_a_gap_for_who_followed_the_record(
    relay: RevocationRelay, copy: RevocationList
) -> None:
    """What the copy took over meanwhile is in the snapshot, and in no increment of the feed."""
    copy.merge(FeedSnapshot(ON_RECORD, (a_revocation(at=START),)))
    meanwhile = (await relay.snapshot(START)).position

    copy.apply((FeedChange(FeedPosition(5, 101), a_revocation(at=START)),))

    with pytest.raises(FeedGap):
        await relay.changes_since(meanwhile, 0)
    assert len((await relay.snapshot(START)).revocations) == 2
    assert (await relay.snapshot(START)).position == FeedPosition(5, 101)


# --- how old an answer may be -----------------------------------------------------------------------------------------


async def test_a_waiting_reader_hears_with_the_next_heartbeat_that_there_is_nothing(
    relay: RevocationRelay, copy: RevocationList
) -> None:
    """Its copy is as old as the answer then, however long the relay has waited itself."""
    waiting = asyncio.create_task(relay.changes_since(BEGIN, 30))
    await asyncio.sleep(0)

    brings(copy)

    assert await waiting == ()


async def test_a_relay_that_hears_nothing_while_a_reader_waits_is_silent_too(relay: RevocationRelay) -> None:
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

    brings(copy)
    assert len((await relay.snapshot(START)).revocations) == 1


async def test_a_relay_that_never_heard_of_its_feed_answers_nobody(copy: RevocationList) -> None:
    with pytest.raises(Unavailable):
        await RevocationRelay(copy, EPOCH).snapshot(START)


# --- gaps and pages ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("position", [FeedPosition(EPOCH, 0), FeedPosition(4, 100), FeedPosition(5, 109)])
async def test_a_position_of_somebody_else_is_a_gap(relay: RevocationRelay, position: FeedPosition) -> None:
    with pytest.raises(FeedGap):
        await relay.changes_since(position, 0)


async def test_a_reader_that_fell_too_far_behind_gets_a_gap_and_never_a_part(
    relay: RevocationRelay, copy: RevocationList
) -> None:
    for _ in range(5):
        brings(copy, a_revocation(at=START))

    with pytest.raises(FeedGap):
        await relay.changes_since(BEGIN, 0)
    assert len(await relay.changes_since(FeedPosition(5, 101), 0)) == 4


async def test_a_large_copy_is_read_in_pages_and_none_is_left_out(copy: RevocationList) -> None:
    relay = RevocationRelay(copy, EPOCH, page_size=10)
    revocations = {a_revocation(at=START) for _ in range(500)}
    copy.merge(FeedSnapshot(BEGIN, tuple(revocations)))

    page = await relay.snapshot(START)
    found, pages = set(page.revocations), 1
    while page.next is not None:
        page = await relay.snapshot(START, page.next)
        found |= set(page.revocations)
        pages += 1

    assert found == revocations
    assert pages > 10
    assert page.position == BEGIN


@pytest.mark.parametrize("page", ["", "99", "-1", "1.5", "x", "١", "0" * 50])
async def test_a_page_that_is_none_is_a_gap(relay: RevocationRelay, page: str) -> None:
    with pytest.raises(FeedGap):
        await relay.snapshot(START, page)
