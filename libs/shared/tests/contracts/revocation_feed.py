"""What every revocation feed promises, seen from both ends."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from contracts.support import CROWD, NOW, SECOND, Unreachable, at_once, new_id
from paseport.feed import FeedGap, RevocationFeed
from paseport.revocation import FeedChange, FeedPosition, Revocation, RevocationKind, SubjectChange
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.ports.revocation_publisher import RevocationPublisher

LoseEverything = Callable[[], Awaitable[None]]

LONG = 30.0
"""Seconds that no test waits: whoever waits so long is woken."""


def a_revocation(
    kind: RevocationKind = RevocationKind.SESSION,
    subject: str | None = None,
    *,
    min_version: int | None = None,
    at: datetime = NOW,
    life: timedelta = timedelta(minutes=5),
) -> Revocation:
    if kind.is_of_versions and min_version is None:
        min_version = 2
    return Revocation(kind, subject or new_id(), min_version, at, at + life)


def subjects(changes: tuple[FeedChange, ...]) -> list[str]:
    return [change.what.subject or "" for change in changes]


class RevocationFeedContract:
    """The adapter's file supplies the fixtures ``publisher`` and ``feed`` (two ends of one, new), ``unreachable``,
    ``lose_everything``, after which the feed is as empty as a new primary without data, and ``increments_kept``: of how
    many increments the feed under test promises to know the last ones.
    """

    @pytest.fixture(autouse=True)
    async def filled(self, publisher: RevocationPublisher) -> None:
        """An issuer has started: the new feed was empty and is complete now."""
        assert await publisher.is_complete() is False
        assert await publisher.mark_complete(await publisher.epoch()) is True

    async def start(self, feed: RevocationFeed) -> FeedPosition:
        """Where a reader stands who begins now."""
        return (await feed.snapshot(NOW)).position

    # --- snapshots ------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("kind", RevocationKind)
    async def test_a_verifier_that_starts_later_reads_what_was_revoked(
        self, publisher: RevocationPublisher, feed: RevocationFeed, kind: RevocationKind
    ) -> None:
        revocation = a_revocation(kind)

        position = await publisher.publish(revocation)

        snapshot = await feed.snapshot(NOW)
        assert revocation in snapshot.revocations
        assert snapshot.position == position

    async def test_many_are_put_in_force_at_once(self, publisher: RevocationPublisher, feed: RevocationFeed) -> None:
        """After each failover an issuer publishes again all that is in force."""
        known, *others = [a_revocation() for _ in range(500)]
        await publisher.publish(known)

        position = await publisher.publish(*others[:100], known, *others[100:])

        snapshot = await feed.snapshot(NOW)
        assert snapshot.position == position
        assert {known, *others} <= set(snapshot.revocations)

    async def test_a_snapshot_leaves_out_what_has_expired(
        self, publisher: RevocationPublisher, feed: RevocationFeed
    ) -> None:
        brief, lasting = a_revocation(life=10 * SECOND), a_revocation(life=60 * SECOND)
        await publisher.publish(brief)
        await publisher.publish(lasting)

        assert brief in (await feed.snapshot(NOW + 9 * SECOND)).revocations
        later = (await feed.snapshot(NOW + 10 * SECOND)).revocations
        assert brief not in later
        assert lasting in later

    async def test_one_thing_revoked_twice_is_named_once_and_the_stricter_way(
        self, publisher: RevocationPublisher, feed: RevocationFeed
    ) -> None:
        user = new_id()
        await publisher.publish(a_revocation(RevocationKind.USER, user, min_version=5, life=10 * SECOND))
        await publisher.publish(a_revocation(RevocationKind.USER, user, min_version=3, life=60 * SECOND))

        named = [revocation for revocation in (await feed.snapshot(NOW)).revocations if revocation.subject == user]

        assert [(one.min_version, one.expires_at) for one in named] == [(5, NOW + 60 * SECOND)]

    async def test_one_id_of_two_kinds_is_two_revocations(
        self, publisher: RevocationPublisher, feed: RevocationFeed
    ) -> None:
        subject = new_id()
        for kind in (RevocationKind.SESSION, RevocationKind.FAMILY):
            await publisher.publish(a_revocation(kind, subject))

        kinds = {one.kind for one in (await feed.snapshot(NOW)).revocations if one.subject == subject}

        assert kinds == {RevocationKind.SESSION, RevocationKind.FAMILY}

    # --- increments -----------------------------------------------------------------------------------------------

    async def test_a_verifier_reads_increments_in_the_order_of_their_positions(
        self, publisher: RevocationPublisher, feed: RevocationFeed
    ) -> None:
        begin = await self.start(feed)
        revocations = [a_revocation() for _ in range(7)]
        positions = [await publisher.publish(revocation) for revocation in revocations[:5]]
        last = await publisher.publish(*revocations[5:])

        changes = await feed.changes_since(begin, 0)

        assert [change.what for change in changes] == revocations
        assert [change.position for change in changes[:5]] == positions
        assert changes[-1].position == last

    async def test_sequence_numbers_grow_by_one_so_that_a_loss_shows(
        self, publisher: RevocationPublisher, feed: RevocationFeed
    ) -> None:
        begin = await self.start(feed)
        for _ in range(3):
            await publisher.publish(a_revocation())

        positions = [begin, *(change.position for change in await feed.changes_since(begin, 0))]

        assert all(later == FeedPosition(earlier.epoch, earlier.seq + 1) for earlier, later in pairwise(positions))

    async def test_a_verifier_reads_only_what_follows_its_position(
        self, publisher: RevocationPublisher, feed: RevocationFeed
    ) -> None:
        first, second = a_revocation(), a_revocation()
        begin = await self.start(feed)
        middle = await publisher.publish(first)
        end = await publisher.publish(second)

        assert subjects(await feed.changes_since(begin, 0)) == [first.subject, second.subject]
        assert subjects(await feed.changes_since(middle, 0)) == [second.subject]
        assert await feed.changes_since(end, 0) == ()

    async def test_a_quiet_feed_sends_heartbeats(self, feed: RevocationFeed) -> None:
        begin = await self.start(feed)

        assert await feed.changes_since(begin, 0) == ()
        assert await feed.changes_since(begin, 0.01) == ()

    async def test_a_waiting_verifier_is_woken_by_a_revocation(
        self, publisher: RevocationPublisher, feed: RevocationFeed
    ) -> None:
        begin = await self.start(feed)
        revocation = a_revocation()

        changes, _ = await asyncio.gather(feed.changes_since(begin, LONG), publisher.publish(revocation))

        assert subjects(changes) == [revocation.subject]

    async def test_a_crowd_of_waiting_verifiers_is_woken_by_one_revocation(
        self, publisher: RevocationPublisher, feed: RevocationFeed
    ) -> None:
        begin = await self.start(feed)
        revocation = a_revocation()
        waiting = [asyncio.create_task(feed.changes_since(begin, LONG)) for _ in range(CROWD)]

        await publisher.publish(revocation)

        for changes in await asyncio.gather(*waiting):
            assert subjects(changes) == [revocation.subject]

    async def test_a_crowd_of_publishers_loses_and_repeats_nothing(
        self, publisher: RevocationPublisher, feed: RevocationFeed
    ) -> None:
        begin = await self.start(feed)
        revocations = [a_revocation() for _ in range(CROWD)]

        positions = await at_once([publisher.publish(revocation) for revocation in revocations])

        changes = await feed.changes_since(begin, 0)
        assert sorted(subjects(changes)) == sorted(revocation.subject for revocation in revocations)
        sequence = [change.position.seq for change in changes]
        assert sequence == list(range(begin.seq + 1, begin.seq + 1 + CROWD))
        at = {change.what.subject: change.position for change in changes}
        for revocation, position in zip(revocations, positions, strict=True):
            assert at[revocation.subject] <= position

    async def test_publishing_again_what_is_in_force_is_harmless(
        self, publisher: RevocationPublisher, feed: RevocationFeed
    ) -> None:
        revocation = a_revocation()
        first = await publisher.publish(revocation)

        again = await publisher.publish(revocation)

        assert again >= first
        named = [one for one in (await feed.snapshot(NOW)).revocations if one.subject == revocation.subject]
        assert named == [revocation]

    async def test_a_stricter_revocation_reaches_who_knew_the_milder_one(
        self, publisher: RevocationPublisher, feed: RevocationFeed
    ) -> None:
        user = new_id()
        milder = await publisher.publish(a_revocation(RevocationKind.USER, user, min_version=2))

        await publisher.publish(a_revocation(RevocationKind.USER, user, min_version=3))

        (change,) = await feed.changes_since(milder, 0)
        assert (change.what.subject, change.what.min_version) == (user, 3)

    # --- subjects -------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("change", [SubjectChange("0198c0de-0000-7000-8000-000000000001", 7), SubjectChange()])
    async def test_a_waiting_verifier_is_told_whose_copies_are_old(
        self, publisher: RevocationPublisher, feed: RevocationFeed, change: SubjectChange
    ) -> None:
        """P3."""
        begin = await self.start(feed)

        changes, position = await asyncio.gather(feed.changes_since(begin, LONG), publisher.announce(change))

        assert changes == (FeedChange(position, change),)

    async def test_subjects_and_revocations_come_in_one_order(
        self, publisher: RevocationPublisher, feed: RevocationFeed
    ) -> None:
        begin = await self.start(feed)
        news = [a_revocation(), SubjectChange(new_id(), 1), a_revocation(), SubjectChange(new_id(), 2)]
        for what in news:
            if isinstance(what, SubjectChange):
                await publisher.announce(what)
            else:
                await publisher.publish(what)

        changes = await feed.changes_since(begin, 0)

        assert [change.what for change in changes] == news
        assert [change.position.seq for change in changes] == list(range(begin.seq + 1, begin.seq + 5))

    async def test_the_same_subject_is_announced_each_time(
        self, publisher: RevocationPublisher, feed: RevocationFeed
    ) -> None:
        """Unlike a revocation, it is not in force: every change matters."""
        begin = await self.start(feed)
        change = SubjectChange(new_id(), 1)

        await publisher.announce(change)
        await publisher.announce(change)

        assert [one.what for one in await feed.changes_since(begin, 0)] == [change, change]

    async def test_a_snapshot_names_no_subjects_and_says_where_to_go_on(
        self, publisher: RevocationPublisher, feed: RevocationFeed
    ) -> None:
        revocation = a_revocation()
        await publisher.publish(revocation)
        position = await publisher.announce(SubjectChange(new_id(), 1))

        snapshot = await feed.snapshot(NOW)

        assert (snapshot.revocations, snapshot.position, snapshot.next) == ((revocation,), position, None)

    # --- gaps -----------------------------------------------------------------------------------------------------

    async def test_a_position_of_another_epoch_is_a_gap(
        self, publisher: RevocationPublisher, feed: RevocationFeed
    ) -> None:
        """After a failover or a restart the numbers begin anew and mean something else."""
        here = await publisher.publish(a_revocation())

        for epoch in (here.epoch - 1, here.epoch + 1):
            with pytest.raises(FeedGap):
                await feed.changes_since(FeedPosition(epoch, here.seq), 0)

    async def test_a_position_that_the_feed_never_reached_is_a_gap(
        self, publisher: RevocationPublisher, feed: RevocationFeed
    ) -> None:
        """A feed that lost its tail must not let a verifier believe that it is up to date."""
        here = await publisher.publish(a_revocation())

        with pytest.raises(FeedGap):
            await feed.changes_since(FeedPosition(here.epoch, here.seq + 1), 0)

    async def test_a_verifier_that_fell_too_far_behind_gets_a_gap_and_never_a_part(
        self, publisher: RevocationPublisher, feed: RevocationFeed, increments_kept: int
    ) -> None:
        begin = await self.start(feed)
        first = await publisher.publish(a_revocation())
        for _ in range(increments_kept):
            await publisher.publish(a_revocation())

        with pytest.raises(FeedGap):
            await feed.changes_since(begin, 0)

        assert len(await feed.changes_since(first, 0)) == increments_kept
        assert len((await feed.snapshot(NOW)).revocations) > increments_kept

    # --- a feed that lost something -------------------------------------------------------------------------------

    async def test_a_feed_that_lost_everything_begins_a_new_epoch_and_gives_no_snapshot_until_it_was_filled(
        self, publisher: RevocationPublisher, feed: RevocationFeed, lose_everything: LoseEverything
    ) -> None:
        """FT-04, DT-04: what it does not name may be revoked all the same."""
        revocation = a_revocation()
        before = await publisher.publish(revocation)
        await lose_everything()

        epoch = await publisher.epoch()
        assert epoch > before.epoch
        assert await publisher.is_complete() is False
        with pytest.raises(Unavailable):
            await feed.snapshot(NOW)

        await publisher.publish(revocation)
        assert await publisher.mark_complete(epoch) is True

        assert await publisher.is_complete() is True
        assert (await feed.snapshot(NOW)).revocations == (revocation,)

    async def test_a_verifier_that_read_the_feed_before_it_lost_everything_is_told_of_a_gap(
        self, publisher: RevocationPublisher, feed: RevocationFeed, lose_everything: LoseEverything
    ) -> None:
        """FT-04: also where the new numbers look like the old ones. Over HTTP the gap is answered with a snapshot,
        which is not to be had yet."""
        before = await publisher.publish(a_revocation())
        await lose_everything()
        await publisher.publish(a_revocation())

        with pytest.raises((FeedGap, Unavailable)):
            await feed.changes_since(before, 0)

    async def test_an_issuer_that_filled_an_earlier_epoch_does_not_complete_the_current_one(
        self, publisher: RevocationPublisher, feed: RevocationFeed, lose_everything: LoseEverything
    ) -> None:
        """The primary changed while an issuer was publishing: part of it may have gone to the old one."""
        earlier = await publisher.epoch()
        await lose_everything()
        await publisher.publish(a_revocation())

        assert await publisher.mark_complete(earlier) is False

        assert await publisher.is_complete() is False
        with pytest.raises(Unavailable):
            await feed.snapshot(NOW)

    async def test_an_epoch_lasts_while_nothing_is_lost(self, publisher: RevocationPublisher) -> None:
        first = await publisher.epoch()
        position = await publisher.publish(a_revocation())

        assert await publisher.epoch() == first == position.epoch

    # --- outage ---------------------------------------------------------------------------------------------------

    async def test_an_unreachable_feed_answers_unavailable_and_never_a_heartbeat(
        self, publisher: RevocationPublisher, feed: RevocationFeed, unreachable: Unreachable
    ) -> None:
        begin = await self.start(feed)
        revocation = a_revocation()

        async with unreachable:
            for call in (
                lambda: publisher.publish(revocation),
                lambda: publisher.announce(SubjectChange()),
                publisher.epoch,
                publisher.is_complete,
                lambda: publisher.mark_complete(begin.epoch),
                lambda: feed.snapshot(NOW),
                lambda: feed.changes_since(begin, 0),
                lambda: feed.changes_since(begin, 0.01),
            ):
                with pytest.raises(Unavailable):
                    await call()

        await publisher.publish(revocation)
        assert revocation in (await feed.snapshot(NOW)).revocations

    async def test_a_feed_that_goes_away_while_a_verifier_waits_is_no_heartbeat(
        self, feed: RevocationFeed, unreachable: Unreachable
    ) -> None:
        begin = await self.start(feed)
        waiting = asyncio.create_task(feed.changes_since(begin, 0.2))
        await asyncio.sleep(0)

        async with unreachable:
            with pytest.raises(Unavailable):
                await waiting
