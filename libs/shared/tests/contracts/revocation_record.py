"""What every ``RevocationRecord`` promises."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from contracts.record_samples import NOW
from paseport.revocation import Revocation, RevocationKind
from paseport_shared.domain.ports.record import Record, RecordTransaction

SOON = NOW + timedelta(minutes=5)
LATER = NOW + timedelta(minutes=10)
A_SESSION = Revocation(RevocationKind.SESSION, "5mXV4nkN0SgkGnxcKYMBJu", None, NOW, SOON)
A_USER = Revocation(RevocationKind.USER, "0198c0de-0000-7000-8000-000000000001", 2, NOW, SOON)


class RevocationRecordContract:
    """An adapter's test supplies the fixture ``record``, empty."""

    @pytest.mark.parametrize("kind", RevocationKind)
    async def test_a_feed_that_lost_its_memory_is_refilled_with_every_kind(
        self, record: Record, kind: RevocationKind
    ) -> None:
        """DT-03, DT-04: what was revoked stays revoked."""
        revocation = Revocation(kind, "a subject", 7 if kind.is_of_versions else None, NOW, SOON)
        await add(record, revocation)

        assert await in_force(record) == (revocation,)

    async def test_many_are_stored_at_once_each_by_its_own_terms(self, record: Record) -> None:
        """AD-07: somebody who goes may leave thousands of API keys."""
        keys = [Revocation(RevocationKind.API_KEY, f"key {number:04}", 2, NOW, SOON) for number in range(500)]
        known = [replace(keys[3], min_version=9, expires_at=LATER), replace(keys[4], min_version=1), A_SESSION]
        await add(record, *known)

        await record.transact(lambda transaction: transaction.revocations.add(*keys, A_SESSION, A_USER))
        await record.transact(lambda transaction: transaction.revocations.add())

        expected = {*keys, A_SESSION, A_USER, known[0]} - {keys[3]}
        assert set(await in_force(record)) == expected

    async def test_of_one_thing_stored_twice_at_once_the_stricter_way_stays(self, record: Record) -> None:
        """What waited for the record comes together, and two may have ended the same session."""
        milder, stricter = replace(A_USER, min_version=1), replace(A_USER, expires_at=LATER)

        await add(record, milder, A_SESSION, stricter, A_USER, replace(A_SESSION, expires_at=LATER))

        assert set(await in_force(record)) == {stricter, replace(A_SESSION, expires_at=LATER)}

    async def test_the_oldest_comes_first(self, record: Record) -> None:
        newer = replace(A_SESSION, subject="newer", recorded_at=NOW + timedelta(microseconds=2))
        older = replace(A_SESSION, subject="older", recorded_at=NOW + timedelta(microseconds=1))
        await add(record, newer, older)

        assert await in_force(record) == (older, newer)

    async def test_subjects_of_different_kinds_and_spellings_are_different_things(self, record: Record) -> None:
        """Ids are base62: ``a`` and ``A`` are two sessions, whatever a database's collation thinks."""
        revocations = [
            replace(A_SESSION, kind=kind, subject=subject)
            for kind in (RevocationKind.SESSION, RevocationKind.FAMILY)
            for subject in ("abc", "ABC", "abc ", "ábc", "ss", "ß", "😀", "😁")
        ]
        await add(record, *revocations)

        assert set(await in_force(record)) == set(revocations)

    @pytest.mark.parametrize("first_is_stricter", [True, False])
    async def test_of_two_revocations_of_one_thing_the_stricter_one_stays(
        self, record: Record, first_is_stricter: bool
    ) -> None:
        strict = replace(A_USER, min_version=5, expires_at=LATER)
        await add(record, *([strict, A_USER] if first_is_stricter else [A_USER, strict]))

        assert await in_force(record) == (strict,)

    async def test_each_part_of_a_revocation_is_taken_from_where_it_is_stricter(self, record: Record) -> None:
        """It stays on record since the first of them."""
        long_but_old = replace(A_USER, min_version=2, expires_at=LATER)
        short_but_new = replace(A_USER, min_version=5, recorded_at=NOW + timedelta(seconds=1))
        await add(record, long_but_old, short_but_new)

        assert await in_force(record) == (replace(A_USER, min_version=5, expires_at=LATER),)

    async def test_twenty_at_once_leave_the_strictest(self, record: Record) -> None:
        await asyncio.gather(*(add(record, replace(A_USER, min_version=number)) for number in range(1, 21)))

        assert await in_force(record) == (replace(A_USER, min_version=20),)

    async def test_a_revocation_is_in_force_until_it_expires_and_not_longer(self, record: Record) -> None:
        await add(record, A_SESSION)

        just_before = await record.transact(
            lambda transaction: transaction.revocations.in_force(SOON - timedelta(microseconds=1))
        )
        then = await record.transact(lambda transaction: transaction.revocations.in_force(SOON))

        assert just_before == (A_SESSION,)
        assert then == ()

    async def test_purging_removes_the_expired_ones_and_counts_them(self, record: Record) -> None:
        lasting = replace(A_SESSION, subject="lasting", expires_at=LATER)
        await add(record, A_SESSION, A_USER, lasting)

        purged = await record.transact(lambda transaction: transaction.revocations.purge(SOON))
        again = await record.transact(lambda transaction: transaction.revocations.purge(SOON))

        assert (purged, again) == (2, 0)
        assert await in_force(record) == (lasting,)


async def add(record: Record, *revocations: Revocation) -> None:
    async def work(transaction: RecordTransaction) -> None:
        for revocation in revocations:
            await transaction.revocations.add(revocation)

    await record.transact(work)


async def in_force(record: Record) -> tuple[Revocation, ...]:
    return await record.transact(lambda transaction: transaction.revocations.in_force(NOW))
