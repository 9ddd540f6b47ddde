"""What every ``LinkedIdentityRepository`` promises."""

import asyncio
from datetime import timedelta

import pytest
from contracts.provider_samples import an_identity
from contracts.record_samples import NOW, Cut, a_user, add_users, an_id
from paseport_shared.domain.errors import AlreadyExists, NotFound, Unavailable
from paseport_shared.domain.models.linked_identity import LinkedIdentity
from paseport_shared.domain.ports.record import Record, RecordTransaction

A_DAY = timedelta(days=1)
ISSUER = "https://id.example.com"


class LinkedIdentityRepositoryContract:
    """An adapter's test supplies the fixtures ``record``, empty, and ``cut``, which takes its database away."""

    @pytest.fixture(autouse=True)
    async def users(self, record: Record) -> None:
        """The users numbered 1 and 2."""
        await add_users(record, a_user(1), a_user(2))

    # --- storing and finding --------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        "identity",
        [
            an_identity(),
            an_identity(email=None),
            an_identity(namespace="n" * 255, subject="😀" * 255, email="l" * 254),
            an_identity(namespace="oauth2:https://api.example.com/user", subject="42"),
            an_identity(subject=""),
            an_identity(subject="tab\tand nothing\x00more "),
        ],
    )
    async def test_an_identity_comes_back_as_stored(self, record: Record, identity: LinkedIdentity) -> None:
        await add(record, identity)

        assert await find(record, identity.namespace, identity.subject) == identity
        assert await listed(record, 1) == (identity,)

    @pytest.mark.parametrize(
        ("namespace", "subject"),
        [
            (ISSUER, "ab"),
            (ISSUER, "a "),
            (ISSUER, "A"),
            (ISSUER, "á"),
            (ISSUER, "ａ"),
            (ISSUER, "a\x00"),
            (ISSUER, ""),
            (f"{ISSUER}/", "a"),
            ("https://ID.example.com", "a"),
            ("", f"{ISSUER}a"),
            (f"{ISSUER}a", ""),
        ],
    )
    async def test_an_identity_is_equal_only_to_itself(self, record: Record, namespace: str, subject: str) -> None:
        """OIDC Core §2: ``sub`` is case-sensitive, and unique within its issuer only."""
        await add(record, an_identity(namespace=ISSUER, subject="a"))

        assert await find(record, namespace, subject) is None
        await add(record, an_identity(202, namespace=namespace, subject=subject, user_id=an_id(2)))

        assert [identity.id for identity in await listed(record, 1)] == [an_id(201)]
        assert [identity.id for identity in await listed(record, 2)] == [an_id(202)]

    @pytest.mark.parametrize("text", ["s" * 256, "s" * 100_000, chr(0xD800), f"a{chr(0xDCE4)}b"])
    async def test_text_that_no_identity_can_have_finds_nothing(self, record: Record, text: str) -> None:
        await add(record, an_identity())

        assert await find(record, an_identity().namespace, text) is None
        assert await find(record, text, an_identity().subject) is None

    # --- whose it is ----------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("user", [1, 2])
    async def test_an_identity_is_somebodys_once_and_stays_theirs(self, record: Record, user: int) -> None:
        """A linked identity never moves silently, whatever else a second link says."""
        await add(record, an_identity())

        with pytest.raises(AlreadyExists) as refusal:
            await add(record, an_identity(202, subject=an_identity().subject, user_id=an_id(user), email=None))

        assert refusal.value.field == "identity"
        assert await find(record, an_identity().namespace, an_identity().subject) == an_identity()

    async def test_of_two_who_link_an_identity_at_once_one_does(self, record: Record) -> None:
        """Two first sign-ins of one identity in parallel make one user."""
        for round_ in range(10):
            one, other = (
                an_identity(1000 + 10 * round_ + user, subject=f"round {round_}", user_id=an_id(user))
                for user in (1, 2)
            )

            outcomes = await asyncio.gather(add(record, one), add(record, other), return_exceptions=True)

            (refusal,) = (outcome for outcome in outcomes if outcome is not None)
            assert isinstance(refusal, AlreadyExists)
            assert refusal.field == "identity"
            winner = one if outcomes[0] is None else other
            assert await find(record, winner.namespace, winner.subject) == winner

    async def test_of_a_crowd_of_first_sign_ins_one_makes_a_user_and_the_rest_find_that_one(
        self, record: Record
    ) -> None:
        """Each looks, then creates user and link in one transaction, as a sign-in does."""

        async def sign_in(number: int) -> str:
            async def work(transaction: RecordTransaction) -> str:
                held = await transaction.identities.find(ISSUER, "new")
                if held is None:
                    await transaction.users.add(a_user(number))
                    held = an_identity(500 + number, namespace=ISSUER, subject="new", user_id=an_id(number))
                    await transaction.identities.add(held)
                return str(held.user_id)

            try:
                return await record.transact(work)
            except AlreadyExists:
                return await record.transact(work)

        signed_in = await asyncio.gather(*(sign_in(number) for number in range(10, 20)))

        assert len(set(signed_in)) == 1
        states = await record.transact(lambda transaction: transaction.users.subject_states(None, 100))
        assert [str(state.user_id) for state in states if state.user_id not in (an_id(1), an_id(2))] == [signed_in[0]]

    async def test_a_refused_link_leaves_the_transaction_going(self, record: Record) -> None:
        await add(record, an_identity())

        async def work(transaction: RecordTransaction) -> None:
            with pytest.raises(AlreadyExists):
                await transaction.identities.add(an_identity(202, subject=an_identity().subject, user_id=an_id(2)))
            await transaction.identities.add(an_identity(203, user_id=an_id(2)))

        await record.transact(work)

        assert await listed(record, 2) == (an_identity(203, user_id=an_id(2)),)

    async def test_nobody_who_does_not_exist_gets_an_identity(self, record: Record) -> None:
        with pytest.raises(NotFound):
            await add(record, an_identity(user_id=an_id(3)))

        assert await find(record, an_identity().namespace, an_identity().subject) is None

    async def test_a_user_sees_their_own_the_oldest_first(self, record: Record) -> None:
        newer, older = an_identity(201, linked_at=NOW + A_DAY), an_identity(202)
        same_time = an_identity(203)
        for identity in (newer, same_time, older, an_identity(204, user_id=an_id(2))):
            await add(record, identity)

        assert await listed(record, 1) == (older, same_time, newer)
        assert await listed(record, 3) == ()

    async def test_identities_go_with_their_user(self, record: Record) -> None:
        """And whoever holds the identity afterwards is somebody new."""
        others = an_identity(202, user_id=an_id(2))
        await add(record, an_identity())
        await add(record, others)

        await record.transact(lambda transaction: transaction.users.delete(an_id(1), expected_revision=1))

        assert await find(record, an_identity().namespace, an_identity().subject) is None
        assert await listed(record, 1) == ()
        assert await listed(record, 2) == (others,)
        again = an_identity(203, subject=an_identity().subject, user_id=an_id(2))
        await add(record, again)
        assert await find(record, again.namespace, again.subject) == again

    # --- using and removing ---------------------------------------------------------------------------------------

    async def test_a_use_is_noted_with_the_address_of_today_and_nothing_else_changes(self, record: Record) -> None:
        await add(record, an_identity())
        await add(record, an_identity(202))

        await note_use(record, 201, email="new@example.com", days=1)
        assert await listed(record, 1) == (
            an_identity(email="new@example.com", last_used_at=NOW + A_DAY),
            an_identity(202),
        )

        await note_use(record, 201, email=None, days=2)
        assert await find(record, an_identity().namespace, an_identity().subject) == an_identity(
            email=None, last_used_at=NOW + 2 * A_DAY
        )

    async def test_a_use_of_what_is_gone_is_noted_nowhere(self, record: Record) -> None:
        await note_use(record, 201, email="new@example.com", days=1)

        assert await listed(record, 1) == ()

    async def test_an_identity_that_was_removed_is_gone_and_can_be_linked_again(self, record: Record) -> None:
        await add(record, an_identity())
        await add(record, an_identity(202))

        assert await remove(record, 201, user=1) == an_identity()
        assert await remove(record, 201, user=1) is None

        assert await find(record, an_identity().namespace, an_identity().subject) is None
        assert await listed(record, 1) == (an_identity(202),)
        await add(record, an_identity(user_id=an_id(2)))

    async def test_nobody_removes_what_is_somebody_elses(self, record: Record) -> None:
        """AD-05."""
        await add(record, an_identity())

        assert await remove(record, 201, user=2) is None

        assert await listed(record, 1) == (an_identity(),)

    async def test_of_two_who_remove_an_identity_at_once_one_does(self, record: Record) -> None:
        await add(record, an_identity())

        removed = await asyncio.gather(remove(record, 201, user=1), remove(record, 201, user=1))

        assert sorted(removed, key=bool) == [None, an_identity()]

    async def test_an_unreachable_record_answers_unavailable_and_never_that_there_is_no_identity(
        self, record: Record, cut: Cut
    ) -> None:
        await add(record, an_identity())

        async with cut():
            for call in (
                lambda: add(record, an_identity(202)),
                lambda: find(record, an_identity().namespace, an_identity().subject),
                lambda: listed(record, 1),
                lambda: note_use(record, 201, email=None, days=1),
                lambda: remove(record, 201, user=1),
            ):
                with pytest.raises(Unavailable):
                    await call()

        assert await listed(record, 1) == (an_identity(),)


async def add(record: Record, identity: LinkedIdentity) -> None:
    await record.transact(lambda transaction: transaction.identities.add(identity))


async def find(record: Record, namespace: str, subject: str) -> LinkedIdentity | None:
    return await record.transact(lambda transaction: transaction.identities.find(namespace, subject))


async def listed(record: Record, user: int) -> tuple[LinkedIdentity, ...]:
    return await record.transact(lambda transaction: transaction.identities.list_for_user(an_id(user)))


async def note_use(record: Record, number: int, *, email: str | None, days: int) -> None:
    async def work(transaction: RecordTransaction) -> None:
        await transaction.identities.note_use(an_id(number), email=email, at=NOW + days * A_DAY)

    await record.transact(work)


async def remove(record: Record, number: int, *, user: int) -> LinkedIdentity | None:
    return await record.transact(lambda transaction: transaction.identities.remove(an_id(number), an_id(user)))
