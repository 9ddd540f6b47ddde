"""What every ``Record`` promises about its transactions."""

import asyncio
from datetime import timedelta

import pytest
from contracts.provider_samples import a_provider, an_identity
from contracts.record_samples import NOW, Cut, a_user, add_users, an_admin, an_event, an_id, changed, get_user
from paseport.revocation import Revocation, RevocationKind
from paseport_shared.domain.errors import AlreadyExists, AuthError, LastAdmin, NotFound, Unavailable
from paseport_shared.domain.models.password_reset import PasswordReset
from paseport_shared.domain.models.user import User
from paseport_shared.domain.ports.record import Record, RecordTransaction

LATER = NOW + timedelta(minutes=5)


class Refused(AuthError):
    """A use case's own refusal."""

    code = "refused"
    public = "No."


class RecordContract:
    """An adapter's test supplies the fixtures ``record``, empty, and ``cut``, which takes its database away."""

    async def test_a_use_case_gets_the_answer_of_its_work(self, record: Record) -> None:
        async def work(transaction: RecordTransaction) -> str:
            await transaction.users.add(a_user(1))
            return (await transaction.users.get(an_id(1))).username

        assert await record.transact(work) == "user1"
        assert (await get_user(record, an_id(1))).username == "user1"

    async def test_a_refusal_leaves_nothing_behind_in_any_table(self, record: Record) -> None:
        """AD-13: the user and the audit event that tells of it stand or fall together."""
        await add_users(record, a_user(1))

        async def work(transaction: RecordTransaction) -> None:
            await transaction.users.add(a_user(2))
            await transaction.users.update(changed(a_user(1), disabled=True), expected_revision=1)
            await transaction.audit.append(an_event(1))
            await transaction.revocations.add(
                Revocation(RevocationKind.TOKEN, "a jti", None, NOW, NOW.replace(year=2027))
            )
            await transaction.password_resets.put(PasswordReset(an_id(1), bytes(32), NOW, NOW.replace(year=2027)))
            await transaction.providers.add(a_provider())
            await transaction.identities.add(an_identity())
            raise Refused("after all of it")

        with pytest.raises(Refused):
            await record.transact(work)

        assert await get_user(record, an_id(1)) == a_user(1)
        assert await record.transact(lambda transaction: transaction.users.find_by_login("user2")) is None
        assert await record.transact(lambda transaction: transaction.audit.latest(10)) == ()
        assert await record.transact(lambda transaction: transaction.revocations.in_force(NOW)) == ()
        assert await record.transact(lambda transaction: transaction.password_resets.find(bytes(32), NOW)) is None
        assert await record.transact(lambda transaction: transaction.providers.list_all()) == ()
        assert await record.transact(lambda transaction: transaction.identities.list_for_user(an_id(1))) == ()

    async def test_who_only_reads_sees_what_was_committed_and_writes_nothing(self, record: Record) -> None:
        await add_users(record, a_user(1))

        async def write(transaction: RecordTransaction) -> None:
            assert await transaction.users.get(an_id(1)) == a_user(1)
            await transaction.users.delete(an_id(1), expected_revision=1)

        async def refuse(transaction: RecordTransaction) -> None:
            raise Refused("the work's own")

        assert await record.read(lambda transaction: transaction.users.get(an_id(1))) == a_user(1)
        with pytest.raises(RuntimeError, match="only reads"):
            await record.read(write)
        with pytest.raises(Refused):
            await record.read(refuse)
        assert await get_user(record, an_id(1)) == a_user(1)
        await record.transact(lambda transaction: transaction.users.delete(an_id(1), expected_revision=1))

    async def test_any_exception_of_the_work_is_passed_on_and_rolls_back(self, record: Record) -> None:
        async def work(transaction: RecordTransaction) -> None:
            await transaction.users.add(a_user(1))
            raise TimeoutError("the use case's own")

        with pytest.raises(TimeoutError, match="the use case's own"):
            await record.transact(work)

        assert await record.transact(lambda transaction: transaction.users.find_by_login("user1")) is None

    async def test_a_caller_who_goes_away_leaves_nothing_behind(self, record: Record) -> None:
        begun, never = asyncio.Event(), asyncio.Event()

        async def work(transaction: RecordTransaction) -> None:
            await transaction.users.add(a_user(1))
            begun.set()
            await never.wait()

        task = asyncio.create_task(record.transact(work))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert await record.transact(lambda transaction: transaction.users.find_by_login("user1")) is None

    async def test_the_work_may_go_on_after_a_refusal_that_it_expected(self, record: Record) -> None:
        """First start of two replicas: each adds the built-in accounts unless they are there."""
        await add_users(record, a_user(1))

        async def work(transaction: RecordTransaction) -> None:
            with pytest.raises(AlreadyExists):
                await transaction.users.add(a_user(2, username="user1"))
            with pytest.raises(NotFound):
                await transaction.users.get(an_id(9))
            await transaction.users.add(a_user(3))

        await record.transact(work)

        assert await get_user(record, an_id(3)) == a_user(3)
        with pytest.raises(NotFound):
            await get_user(record, an_id(2))

    async def test_a_transaction_cannot_be_used_after_its_end(self, record: Record) -> None:
        kept: list[RecordTransaction] = []

        async def work(transaction: RecordTransaction) -> None:
            kept.append(transaction)

        await record.transact(work)

        with pytest.raises(RuntimeError, match="has ended"):
            await kept[-1].users.add(a_user(1))

    async def test_twenty_callers_at_once_are_all_served(self, record: Record) -> None:
        await asyncio.gather(*(add_users(record, a_user(number)) for number in range(20)))

        states = await record.transact(lambda transaction: transaction.users.subject_states(None, 100))

        assert [state.user_id for state in states] == [an_id(number) for number in range(20)]

    async def test_twenty_changes_of_one_user_lose_none(self, record: Record) -> None:
        """Each reads, then writes what it read plus one: serialisable means that no two read the same."""
        await add_users(record, a_user(1))

        async def work(transaction: RecordTransaction) -> None:
            user = await transaction.users.get(an_id(1))
            await transaction.users.update(changed(user, version=user.version + 1), expected_revision=user.revision)

        await asyncio.gather(*(record.transact(work) for _ in range(20)))

        user = await get_user(record, an_id(1))
        assert (user.version, user.revision) == (21, 21)

    async def test_two_admins_who_demote_each_other_at_once_leave_one(self, record: Record) -> None:
        """AD: the count of active admins holds until the transaction ends."""
        await add_users(record, an_admin(1), an_admin(2))

        async def demote(transaction: RecordTransaction, user: User) -> None:
            if await transaction.users.count_active_admins() <= 1:
                raise LastAdmin
            stored = await transaction.users.get(user.id)
            await transaction.users.update(
                changed(stored, roles=frozenset({"User"})), expected_revision=stored.revision
            )

        outcomes = await asyncio.gather(
            record.transact(lambda transaction: demote(transaction, an_admin(1))),
            record.transact(lambda transaction: demote(transaction, an_admin(2))),
            return_exceptions=True,
        )

        assert sorted(type(outcome) for outcome in outcomes if outcome is not None) == [LastAdmin]
        assert await record.transact(lambda transaction: transaction.users.count_active_admins()) == 1

    async def test_the_database_answers(self, record: Record) -> None:
        await record.ping()

    async def test_a_database_that_is_away_is_unavailable_and_serves_again_when_it_is_back(
        self, record: Record, cut: Cut
    ) -> None:
        """AD-13: a write that cannot be audited is refused, and nothing of it remains."""
        await add_users(record, a_user(1))

        async with cut():
            with pytest.raises(Unavailable):
                await record.ping()
            with pytest.raises(Unavailable):
                await get_user(record, an_id(1))
            with pytest.raises(Unavailable):
                await add_users(record, a_user(2))

        await record.ping()
        assert await get_user(record, an_id(1)) == a_user(1)
        assert await record.transact(lambda transaction: transaction.users.find_by_login("user2")) is None
