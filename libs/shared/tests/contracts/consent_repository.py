"""What every ``ConsentRepository`` promises."""

from dataclasses import replace
from datetime import timedelta

import pytest
from contracts.record_samples import NOW, a_user, add_users, an_id
from paseport_shared.domain.errors import NotFound
from paseport_shared.domain.models.consent import Consent
from paseport_shared.domain.ports.record import Record, RecordTransaction


class ConsentRepositoryContract:
    """An adapter's test supplies the fixture ``record``, empty."""

    @pytest.fixture(autouse=True)
    async def users(self, record: Record) -> None:
        """The users numbered 1 and 2."""
        await add_users(record, a_user(1), a_user(2))

    async def test_what_was_granted_is_found_exactly(self, record: Record) -> None:
        await save(record, a_consent())

        assert await find(record, 1, "shop") == a_consent()

    async def test_nothing_is_found_of_another_user_or_client(self, record: Record) -> None:
        await save(record, a_consent())

        assert await find(record, 2, "shop") is None
        assert await find(record, 1, "Shop") is None

    async def test_a_newer_consent_takes_the_place_of_the_older(self, record: Record) -> None:
        wider = replace(a_consent(), scope=frozenset({"openid", "email"}), granted_at=NOW + timedelta(hours=1))
        await save(record, a_consent())
        await save(record, wider)

        assert await find(record, 1, "shop") == wider

    async def test_a_user_sees_their_own_the_newest_first(self, record: Record) -> None:
        older, newer = a_consent(), replace(a_consent("wiki"), granted_at=NOW + timedelta(hours=1))
        for consent in (newer, older, replace(a_consent(), user_id=an_id(2))):
            await save(record, consent)

        assert await listed(record, 1) == (newer, older)

    async def test_a_consent_that_was_withdrawn_is_gone(self, record: Record) -> None:
        await save(record, a_consent())

        assert await remove(record, 1, "shop")
        assert not await remove(record, 1, "shop")
        assert await find(record, 1, "shop") is None

    async def test_consents_go_with_their_user(self, record: Record) -> None:
        await save(record, a_consent())

        async def delete(transaction: RecordTransaction) -> None:
            await transaction.users.delete(an_id(1), expected_revision=1)

        await record.transact(delete)

        assert await listed(record, 1) == ()

    async def test_somebody_unknown_grants_nothing(self, record: Record) -> None:
        with pytest.raises(NotFound):
            await save(record, replace(a_consent(), user_id=an_id(3)))


def a_consent(client_id: str = "shop") -> Consent:
    return Consent(an_id(1), client_id, frozenset({"openid"}), NOW)


async def save(record: Record, consent: Consent) -> None:
    async def work(transaction: RecordTransaction) -> None:
        await transaction.consents.save(consent)

    await record.transact(work)


async def find(record: Record, user: int, client_id: str) -> Consent | None:
    async def work(transaction: RecordTransaction) -> Consent | None:
        return await transaction.consents.find(an_id(user), client_id)

    return await record.transact(work)


async def listed(record: Record, user: int) -> tuple[Consent, ...]:
    async def work(transaction: RecordTransaction) -> tuple[Consent, ...]:
        return await transaction.consents.list_for_user(an_id(user))

    return await record.transact(work)


async def remove(record: Record, user: int, client_id: str) -> bool:
    async def work(transaction: RecordTransaction) -> bool:
        return await transaction.consents.remove(an_id(user), client_id)

    return await record.transact(work)
