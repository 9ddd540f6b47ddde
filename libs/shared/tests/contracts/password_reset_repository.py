"""What every ``PasswordResetRepository`` promises."""

import asyncio
import hashlib
from datetime import datetime, timedelta

import pytest
from contracts.record_samples import NOW, a_user, add_users, an_id, get_user
from paseport_shared.domain.errors import AuthError, NotFound
from paseport_shared.domain.models.password_reset import LIFETIME, PasswordReset
from paseport_shared.domain.ports.record import Record, RecordTransaction

EXPIRY = NOW + LIFETIME


class PasswordResetRepositoryContract:
    """An adapter's test supplies the fixture ``record``, empty."""

    @pytest.fixture(autouse=True)
    async def users(self, record: Record) -> None:
        """The users numbered 1 and 2."""
        await add_users(record, a_user(1), a_user(2))

    async def test_a_person_uses_a_link_once(self, record: Record) -> None:
        """AD-12: single use."""
        await put(record, a_link(1))

        assert await consume(record, a_link(1)) == a_link(1)
        assert await consume(record, a_link(1)) is None

    async def test_looking_at_a_link_does_not_use_it(self, record: Record) -> None:
        await put(record, a_link(1))

        for _ in range(2):
            assert await find(record, a_link(1)) == a_link(1)

        assert await consume(record, a_link(1)) == a_link(1)
        assert await find(record, a_link(1)) is None

    async def test_of_twenty_callers_with_one_link_one_gets_it(self, record: Record) -> None:
        await put(record, a_link(1))

        answers = await asyncio.gather(*(consume(record, a_link(1)) for _ in range(20)))

        assert [answer for answer in answers if answer is not None] == [a_link(1)]

    async def test_a_link_that_was_taken_by_a_refused_change_stays_usable(self, record: Record) -> None:
        """The new password was refused, so the person may try another one with the same link."""
        await put(record, a_link(1))

        class Refused(AuthError):
            code = "refused"
            public = "No."

        async def work(transaction: RecordTransaction) -> None:
            assert await transaction.password_resets.consume(a_link(1).token_hash, NOW) is not None
            raise Refused

        with pytest.raises(Refused):
            await record.transact(work)

        assert await consume(record, a_link(1)) == a_link(1)

    async def test_a_link_works_until_it_expires_and_not_longer(self, record: Record) -> None:
        """AD-12: 30 minutes."""
        await put(record, a_link(1))

        assert await find(record, a_link(1), EXPIRY) is None
        assert await consume(record, a_link(1), EXPIRY) is None
        assert await consume(record, a_link(1), EXPIRY - timedelta(microseconds=1)) == a_link(1)

    async def test_a_new_link_voids_the_one_before(self, record: Record) -> None:
        """LG-22."""
        await put(record, a_link(1, "first"))
        await put(record, a_link(1, "second"))

        assert await consume(record, a_link(1, "first")) is None
        assert await consume(record, a_link(1, "second")) == a_link(1, "second")

    async def test_links_of_two_users_do_not_disturb_each_other(self, record: Record) -> None:
        await put(record, a_link(1))
        await put(record, a_link(2))

        assert await consume(record, a_link(1)) == a_link(1)
        assert await consume(record, a_link(2)) == a_link(2)

    async def test_a_guesser_finds_nothing_and_uses_nothing_up(self, record: Record) -> None:
        await put(record, a_link(1))

        assert await consume(record, a_link(1, "a guess")) is None
        assert await consume(record, a_link(1)) == a_link(1)

    async def test_a_link_for_nobody_is_refused(self, record: Record) -> None:
        with pytest.raises(NotFound):
            await put(record, a_link(3))

    async def test_a_link_goes_with_its_user(self, record: Record) -> None:
        """DT-08: an account that comes back under the same id does not inherit it."""
        await put(record, a_link(1))
        await record.transact(lambda transaction: transaction.users.delete(an_id(1), expected_revision=1))
        await add_users(record, a_user(1))

        assert await consume(record, a_link(1)) is None

    async def test_a_link_stays_when_its_user_is_changed(self, record: Record) -> None:
        await put(record, a_link(1))
        user = await get_user(record, an_id(1))
        assert user.password_hash is not None
        old = user.password_hash
        await record.transact(
            lambda transaction: transaction.users.replace_password_hash(user.id, old=old, new="{new}")
        )

        assert await find(record, a_link(1)) == a_link(1)


def a_link(number: int, name: str = "a link") -> PasswordReset:
    """A link of the user numbered ``number``, valid from NOW on."""
    return PasswordReset(an_id(number), hashlib.sha256(f"{name} of {number}".encode()).digest(), NOW, EXPIRY)


async def put(record: Record, link: PasswordReset) -> None:
    await record.transact(lambda transaction: transaction.password_resets.put(link))


async def find(record: Record, link: PasswordReset, now: datetime = NOW) -> PasswordReset | None:
    return await record.transact(lambda transaction: transaction.password_resets.find(link.token_hash, now))


async def consume(record: Record, link: PasswordReset, now: datetime = NOW) -> PasswordReset | None:
    return await record.transact(lambda transaction: transaction.password_resets.consume(link.token_hash, now))
