"""What every list of changes that may not be in force yet promises."""

from datetime import timedelta

import pytest
from contracts.record_samples import NOW, a_user, an_id
from paseport_shared.domain.models.due_projection import DueProjection
from paseport_shared.domain.ports.record import Record, RecordTransaction

LATER = NOW + timedelta(seconds=1)


def due(number: int = 1, **changes: object) -> DueProjection:
    values: dict[str, object] = {"version": 1, "revision": 2, "ends_access": False, "since": NOW}
    return DueProjection(an_id(number), **(values | changes))  # type: ignore[arg-type] - a test may replace any field


async def put(record: Record, *projections: DueProjection) -> None:
    async def work(transaction: RecordTransaction) -> None:
        for projection in projections:
            await transaction.due_projections.put(projection)

    await record.transact(work)


async def settle(record: Record, number: int, revision: int) -> None:
    await record.transact(lambda transaction: transaction.due_projections.settle(an_id(number), revision))


async def oldest(record: Record, limit: int = 10) -> tuple[DueProjection, ...]:
    return await record.transact(lambda transaction: transaction.due_projections.oldest(limit))


class DueProjectionsContract:
    """An adapter's test supplies the fixture ``record``, empty."""

    @pytest.mark.parametrize("ends_access", [False, True])
    async def test_what_is_due_is_read_back_the_longest_due_first(self, record: Record, ends_access: bool) -> None:
        younger, older = due(1, since=LATER, ends_access=ends_access), due(2, version=3, revision=4)
        await put(record, younger, older)

        assert await oldest(record) == (older, younger)
        assert await oldest(record, limit=1) == (older,)

    async def test_what_is_due_for_a_user_is_found(self, record: Record) -> None:
        await put(record, due(1), due(2))

        assert await record.transact(lambda transaction: transaction.due_projections.find(an_id(2))) == due(2)
        assert await record.transact(lambda transaction: transaction.due_projections.find(an_id(3))) is None

    async def test_several_changes_of_a_user_are_one_duty(self, record: Record) -> None:
        await put(record, due(revision=2, version=2, ends_access=True))
        await put(record, due(revision=3, version=2, since=LATER))

        assert await oldest(record) == (due(revision=3, version=2, ends_access=True),)

    async def test_an_older_change_that_comes_late_takes_nothing_back(self, record: Record) -> None:
        await put(record, due(revision=3, version=2, since=LATER))
        await put(record, due(revision=2, version=1))

        assert await oldest(record) == (due(revision=3, version=2),)

    async def test_a_settled_duty_is_gone_and_no_other(self, record: Record) -> None:
        await put(record, due(1), due(2))

        await settle(record, 1, revision=2)
        await settle(record, 9, revision=2)

        assert await oldest(record) == (due(2),)

    async def test_settling_an_older_revision_leaves_the_newer_one_due(self, record: Record) -> None:
        await put(record, due(revision=3))

        await settle(record, 1, revision=2)

        assert await oldest(record) == (due(revision=3),)

    async def test_a_duty_outlives_the_user(self, record: Record) -> None:
        """AD-07: that somebody was deleted must come into force too."""

        async def work(transaction: RecordTransaction) -> None:
            await transaction.users.add(a_user(1))
            await transaction.users.delete(an_id(1), expected_revision=1)
            await transaction.due_projections.put(due(1, ends_access=True))

        await record.transact(work)

        assert await oldest(record) == (due(1, ends_access=True),)
