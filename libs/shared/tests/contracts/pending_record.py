"""What every queue between the hot store and the record promises."""

import asyncio
from uuid import uuid4

import pytest
from contracts.revocation_feed import a_revocation
from contracts.support import CROWD, NOW, Unreachable, at_once
from paseport.revocation import RevocationKind
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.audit import Actor, AuditEvent
from paseport_shared.domain.models.pending import PendingEntry
from paseport_shared.domain.ports.pending_record import PendingRecord

LONG = 30.0
"""Seconds that no test waits: whoever waits so long is woken."""


def an_entry() -> PendingEntry:
    """Somebody signed out."""
    event = AuditEvent(
        id=uuid4(),
        at=NOW,
        actor=Actor(str(uuid4()), "bff", "192.0.2.7", "request-1"),
        action="session.ended",
        target="a-session",
        before={"families": ["a", "b"], "count": 2},
        after={"reason": "signed out – überall", "complete": True, "at": None},
    )
    return PendingEntry(event, (a_revocation(), a_revocation(RevocationKind.USER, min_version=7)))


def entries(read: tuple[tuple[str, PendingEntry], ...]) -> list[PendingEntry]:
    return [entry for _, entry in read]


def handles(read: tuple[tuple[str, PendingEntry], ...]) -> tuple[str, ...]:
    return tuple(handle for handle, _ in read)


class PendingRecordContract:
    """The adapter's file supplies the fixtures ``pending``, empty, and ``unreachable``."""

    async def test_the_recorder_reads_exactly_what_was_appended_oldest_first(self, pending: PendingRecord) -> None:
        first, second = an_entry(), an_entry()
        await pending.append(first)
        await pending.append(second)

        assert entries(await pending.read(10, 0)) == [first, second]

    async def test_an_entry_without_revocations_and_without_target_is_kept_as_such(
        self, pending: PendingRecord
    ) -> None:
        bare = PendingEntry(AuditEvent(uuid4(), NOW, Actor("system", "issuer"), "feed.loaded", None), ())
        await pending.append(bare)

        assert entries(await pending.read(10, 0)) == [bare]

    async def test_an_entry_stays_until_it_is_acknowledged(self, pending: PendingRecord) -> None:
        """A recorder that dies between reading and writing loses nothing."""
        await pending.append(an_entry())
        first_read = await pending.read(10, 0)

        assert await pending.read(10, 0) == first_read

        await pending.acknowledge(handles(first_read))
        assert await pending.read(10, 0) == ()

    async def test_acknowledging_removes_what_is_named_and_nothing_else(self, pending: PendingRecord) -> None:
        appended = [an_entry() for _ in range(3)]
        for entry in appended:
            await pending.append(entry)
        read = await pending.read(10, 0)

        await pending.acknowledge((handles(read)[1],))

        assert entries(await pending.read(10, 0)) == [appended[0], appended[2]]

    async def test_an_operator_sees_how_many_entries_wait(self, pending: PendingRecord) -> None:
        assert await pending.length() == 0

        for _ in range(3):
            await pending.append(an_entry())
        await pending.acknowledge(handles(await pending.read(1, 0)))

        assert await pending.length() == 2

    async def test_acknowledging_twice_is_harmless(self, pending: PendingRecord) -> None:
        await pending.append(an_entry())
        done = handles(await pending.read(10, 0))
        await pending.acknowledge(done)
        late = an_entry()
        await pending.append(late)

        await pending.acknowledge(done)
        await pending.acknowledge(())

        assert entries(await pending.read(10, 0)) == [late]

    async def test_no_more_is_read_than_asked_for(self, pending: PendingRecord) -> None:
        appended = [an_entry() for _ in range(5)]
        for entry in appended:
            await pending.append(entry)

        assert entries(await pending.read(2, 0)) == appended[:2]

    async def test_one_act_appended_twice_is_read_twice(self, pending: PendingRecord) -> None:
        """The record knows it by the id of its event."""
        entry = an_entry()
        await pending.append(entry)
        await pending.append(entry)

        read = await pending.read(10, 0)

        assert entries(read) == [entry, entry]
        assert len(set(handles(read))) == 2

    async def test_an_empty_queue_answers_after_the_wait(self, pending: PendingRecord) -> None:
        assert await pending.read(10, 0) == ()
        assert await pending.read(10, 0.01) == ()

    async def test_a_waiting_recorder_is_woken_by_an_entry(self, pending: PendingRecord) -> None:
        entry = an_entry()

        read, _ = await asyncio.gather(pending.read(10, LONG), pending.append(entry))

        assert entries(read) == [entry]

    async def test_a_crowd_that_appends_at_once_loses_nothing(self, pending: PendingRecord) -> None:
        appended = [an_entry() for _ in range(CROWD)]

        await at_once([pending.append(entry) for entry in appended])

        read = await pending.read(2 * CROWD, 0)
        assert {entry.event.id for entry in entries(read)} == {entry.event.id for entry in appended}
        assert len(read) == CROWD
        assert len(set(handles(read))) == CROWD

    async def test_an_unreachable_queue_answers_unavailable_and_never_that_nothing_waits(
        self, pending: PendingRecord, unreachable: Unreachable
    ) -> None:
        kept = an_entry()
        await pending.append(kept)
        known = handles(await pending.read(10, 0))

        async with unreachable:
            for call in (
                lambda: pending.append(an_entry()),
                lambda: pending.read(10, 0),
                lambda: pending.acknowledge(known),
                pending.length,
            ):
                with pytest.raises(Unavailable):
                    await call()

        assert entries(await pending.read(10, 0)) == [kept]
