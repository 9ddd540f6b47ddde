"""What every ``AuditLog`` promises."""

import asyncio
from datetime import timedelta

import pytest
from contracts.record_samples import NOW, an_event, an_id
from paseport_shared.domain.models.audit import Actor, AuditEvent
from paseport_shared.domain.ports.record import Record, RecordTransaction


class AuditLogContract:
    """An adapter's test supplies the fixture ``record``, empty."""

    async def test_an_auditor_reads_what_was_written_newest_first(self, record: Record) -> None:
        """AD-13: who, what, before and after."""
        await append(record, an_event(2), an_event(1), an_event(3))

        assert await latest(record, 10) == (an_event(3), an_event(2), an_event(1))

    async def test_the_order_is_that_of_the_ids_whatever_the_hour_says(self, record: Record) -> None:
        """Acts that waited for the record (design §5) come in late; their ids say when they happened."""
        early = an_event(9, id=an_id(9, NOW - timedelta(hours=1)))
        await append(record, an_event(1), early)

        assert await latest(record, 10) == (an_event(1), early)

    async def test_an_auditor_pages_through_everything_once(self, record: Record) -> None:
        events = [an_event(number) for number in range(7)]
        await append(record, *events)

        read: list[AuditEvent] = []
        while page := await latest(record, 3, read[-1] if read else None):
            read += page

        assert read == events[::-1]

    async def test_an_event_is_on_record_once_however_often_it_is_written(self, record: Record) -> None:
        """A worker that died before it acknowledged hands the same act in again."""
        await append(record, an_event(1), an_event(1))
        await asyncio.gather(*(append(record, an_event(1)) for _ in range(5)))
        await append(record, an_event(1, action="something.else"))

        assert await latest(record, 10) == (an_event(1),)

    async def test_an_act_of_nobody_in_particular_is_on_record_too(self, record: Record) -> None:
        event = an_event(1, actor=Actor("cli", "cli"), target=None, before={}, after={})
        await append(record, event)

        assert await latest(record, 1) == (event,)

    async def test_values_come_back_as_json_knows_them(self, record: Record) -> None:
        values = {
            "text": "Ünï\u0000 😀 %_\\'\"",
            "number": -(2**53),
            "nothing": None,
            "nested": {"list": [True, 1.5, []]},
        }
        await append(record, an_event(1, before={"roles": ("Admin", "User")}, after=values))

        (event,) = await latest(record, 1)

        assert event.before == {"roles": ["Admin", "User"]}
        assert event.after == values

    @pytest.mark.parametrize("value", [frozenset({"Admin"}), NOW, b"bytes"])
    async def test_a_value_that_json_cannot_say_is_refused_at_once(self, record: Record, value: object) -> None:
        with pytest.raises(TypeError):
            await append(record, an_event(1, after={"value": value}))

        assert await latest(record, 1) == ()

    async def test_times_keep_their_microseconds(self, record: Record) -> None:
        await append(record, an_event(1, at=NOW))

        (event,) = await latest(record, 1)

        assert event.at == NOW
        assert event.at.microsecond == 123456
        assert event.at.utcoffset() == timedelta(0)


async def append(record: Record, *events: AuditEvent) -> None:
    async def work(transaction: RecordTransaction) -> None:
        for event in events:
            await transaction.audit.append(event)

    await record.transact(work)


async def latest(record: Record, limit: int, before: AuditEvent | None = None) -> tuple[AuditEvent, ...]:
    last_seen = None if before is None else before.id
    return await record.transact(lambda transaction: transaction.audit.latest(limit, last_seen))
