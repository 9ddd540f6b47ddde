"""What every ``ApiKeyRepository`` promises."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from contracts.api_key_samples import LEGACY_DIGEST, NOW, a_full_key, a_key, a_key_id, changed
from contracts.record_samples import Cut, a_user, add_users, an_id
from paseport_shared.domain.errors import AlreadyExists, InvalidRequest, NotFound, PreconditionFailed, Unavailable
from paseport_shared.domain.models.api_key import (
    ApiKey,
    ApiKeyEntry,
    ApiKeyPage,
    ApiKeyQuery,
    ApiKeyUse,
    DeletedApiKey,
)
from paseport_shared.domain.models.rate_limit import RateLimit
from paseport_shared.domain.ports.record import Record, RecordTransaction

LATER = NOW + timedelta(days=1)


class ApiKeyRepositoryContract:
    """An adapter's test supplies the fixtures ``record``, empty, and ``cut``, which takes its database away."""

    # --- storing and finding --------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        "key",
        [
            a_key(),
            a_full_key(),
            a_key(name="ﷺ" * 64, comment="😀" * 500, expires_at=None, secrets=()),
            a_key(hosts=tuple(f"{'a' * 60}{n}.example.com" for n in range(50)), email=f"{'a' * 242}@example.com"),
            a_key(rate_limit=RateLimit(1, timedelta(days=1))),
        ],
    )
    async def test_a_key_comes_back_as_stored(self, record: Record, key: ApiKey) -> None:
        await add(record, key)

        assert await get(record, key.id) == key
        assert await find_entry(record, key.id) == key

    async def test_a_key_that_does_not_exist_is_not_found(self, record: Record) -> None:
        with pytest.raises(NotFound):
            await get(record, a_key_id(1))

        assert await find_entry(record, a_key_id(1)) is None

    @pytest.mark.parametrize("text", ["", "Aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa ", "a" * 15, "a_", "%", "\0", "\ud800"])
    async def test_what_is_not_the_id_to_the_letter_finds_nothing(self, record: Record, text: str) -> None:
        """AD-05."""
        await add(record, a_key(id="a" * 16))

        assert await find_entry(record, text) is None
        for call in (get(record, text), remove(record, text), update(record, a_key(id=text), 1)):
            with pytest.raises(NotFound):
                await call

    async def test_a_key_of_another_system_is_found_by_its_digest(self, record: Record) -> None:
        await add(record, a_key(1), a_full_key(2))

        assert await find_legacy(record, LEGACY_DIGEST) == a_full_key(2)
        for other in ("", LEGACY_DIGEST.upper(), LEGACY_DIGEST[:-1], "\ud800"):
            assert await find_legacy(record, other) is None

    async def test_whoever_prints_a_key_does_not_print_a_digest(self, record: Record) -> None:
        """DT-06."""
        await add(record, a_full_key())

        stored = await get(record, a_full_key().id)

        assert "digest" not in f"{stored!r}{stored}"
        assert LEGACY_DIGEST not in f"{stored!r}{stored}"

    # --- given out once -------------------------------------------------------------------------------------------

    async def test_of_twenty_who_store_one_id_at_once_exactly_one_does(self, record: Record) -> None:
        """AD-09."""
        outcomes = await asyncio.gather(
            *(add(record, a_key(1, name=f"key {number}")) for number in range(20)), return_exceptions=True
        )

        assert fields_taken(outcomes) == ["id"] * 19
        assert (await page(record)).total == 1

    async def test_of_twenty_who_import_one_key_at_once_exactly_one_does(self, record: Record) -> None:
        """AD-09, AD-15: an import that is repeated makes nothing twice."""
        outcomes = await asyncio.gather(
            *(add(record, a_full_key(number)) for number in range(20)), return_exceptions=True
        )

        assert fields_taken(outcomes) == ["legacy_digest"] * 19
        assert (await page(record)).total == 1

    async def test_a_transaction_goes_on_after_it_met_a_key_that_is_there(self, record: Record) -> None:
        """AD-15: one row of an import that is known does not lose the others."""
        await add(record, a_full_key(1))

        async def work(transaction: RecordTransaction) -> None:
            await transaction.api_keys.add(a_key(2))
            with pytest.raises(AlreadyExists):
                await transaction.api_keys.add(a_full_key(3))
            await transaction.api_keys.add(a_key(4))

        await record.transact(work)

        assert [key.id for key in (await page(record)).items] == [a_key_id(4), a_key_id(2), a_key_id(1)]

    async def test_neither_id_nor_digest_of_a_revoked_key_is_free_again(self, record: Record) -> None:
        """FA-16: whoever imports once more brings no revoked key back."""
        await add(record, a_full_key(1))
        await remove(record, a_key_id(1))

        for again, field in ((a_key(1), "id"), (a_full_key(2), "legacy_digest")):
            with pytest.raises(AlreadyExists) as refusal:
                await add(record, again)
            assert refusal.value.field == field
        assert await find_legacy(record, LEGACY_DIGEST) is None

    # --- changing -------------------------------------------------------------------------------------------------

    async def test_everything_about_a_key_can_be_changed_but_its_counters(self, record: Record) -> None:
        await add(record, a_key(1, use_count=3, last_used_at=LATER), a_key(2))
        other = a_full_key(1, revision=2)

        await update(record, other, 1)

        assert await get(record, a_key_id(1)) == a_full_key(1, revision=2, use_count=3, last_used_at=LATER)
        assert await get(record, a_key_id(2)) == a_key(2)

    async def test_a_use_that_is_noted_between_reading_and_changing_is_not_lost(self, record: Record) -> None:
        await add(record, a_key())
        read = await get(record, a_key_id(1))
        await note(record, ApiKeyUse(read.id, 5, LATER))

        await update(record, changed(read, disabled=True), 1)

        stored = await get(record, a_key_id(1))
        assert (stored.disabled, stored.use_count, stored.last_used_at) == (True, 5, LATER)

    @pytest.mark.parametrize("revision", [0, 2, -1, 2**63, 2**100, -(2**100)])
    async def test_a_change_of_another_revision_is_refused(self, record: Record, revision: int) -> None:
        """RFC 9110 §13.1.1: people send the revision, so it may be any number."""
        await add(record, a_key())

        with pytest.raises(PreconditionFailed):
            await update(record, changed(a_key(), disabled=True), revision)

        assert await get(record, a_key_id(1)) == a_key()

    async def test_of_two_who_change_what_they_both_read_one_wins(self, record: Record) -> None:
        await add(record, a_key())

        outcomes = await asyncio.gather(
            update(record, changed(a_key(), name="first"), 1),
            update(record, changed(a_key(), name="second"), 1),
            return_exceptions=True,
        )

        assert [type(outcome) for outcome in outcomes if outcome is not None] == [PreconditionFailed]
        assert (await get(record, a_key_id(1))).name == ("first" if outcomes[0] is None else "second")

    async def test_a_key_cannot_take_the_digest_of_another(self, record: Record) -> None:
        await add(record, a_key(1), a_full_key(2))

        with pytest.raises(AlreadyExists) as refusal:
            await update(record, changed(a_key(1), legacy_digest=LEGACY_DIGEST), 1)

        assert refusal.value.field == "legacy_digest"
        assert await get(record, a_key_id(1)) == a_key(1)

    async def test_what_does_not_exist_cannot_be_changed(self, record: Record) -> None:
        with pytest.raises(NotFound):
            await update(record, changed(a_key()), 1)
        with pytest.raises(NotFound):
            await remove(record, a_key_id(1))

    # --- revoking -------------------------------------------------------------------------------------------------

    async def test_a_revoked_key_is_gone_and_cannot_be_changed(self, record: Record) -> None:
        """FA-16."""
        await add(record, a_full_key(1, revision=4), a_key(2))

        left = await remove(record, a_key_id(1))

        assert left == DeletedApiKey(a_key_id(1), 5, LEGACY_DIGEST)
        assert await find_entry(record, a_key_id(1)) == left
        assert [key.id for key in (await page(record)).items] == [a_key_id(2)]
        for revision in (4, 5):
            with pytest.raises(NotFound):
                await update(record, a_full_key(1, revision=revision + 1), revision)
        for call in (get(record, a_key_id(1)), remove(record, a_key_id(1))):
            with pytest.raises(NotFound):
                await call

    async def test_of_twenty_who_revoke_one_key_at_once_one_does(self, record: Record) -> None:
        await add(record, a_key())

        outcomes = await asyncio.gather(*(remove(record, a_key_id(1)) for _ in range(20)), return_exceptions=True)

        assert [outcome for outcome in outcomes if not isinstance(outcome, NotFound)] == [DeletedApiKey(a_key_id(1), 2)]

    async def test_all_keys_of_one_owner_go_at_once_and_nobody_elses(self, record: Record) -> None:
        """AD-07."""
        theirs = (a_key(1), a_full_key(2, revision=7), a_key(3))
        await add(record, *theirs, a_key(4, owner_id=an_id(2)))
        await remove(record, a_key_id(3))

        left = await remove_all_of(record, an_id(1))

        assert left == (DeletedApiKey(a_key_id(1), 2), DeletedApiKey(a_key_id(2), 8, LEGACY_DIGEST))
        assert await count_for(record, an_id(1)) == 0
        assert (await page(record)).items == (a_key(4, owner_id=an_id(2)),)
        assert await remove_all_of(record, an_id(1)) == ()

    async def test_deleting_a_user_leaves_what_is_left_of_their_keys(self, record: Record) -> None:
        """AD-07: what is left outlives the owner, until it is carried and after."""
        await add_users(record, a_user(1))
        await add(record, a_key())

        async def work(transaction: RecordTransaction) -> tuple[ApiKeyEntry, ...]:
            await transaction.users.delete(an_id(1), expected_revision=1)
            return await transaction.api_keys.remove_all_of(an_id(1), LATER)

        left = await record.transact(work)

        assert left == await due(record) == (DeletedApiKey(a_key_id(1), 2),)

    # --- the list -------------------------------------------------------------------------------------------------

    async def test_an_empty_record_has_an_empty_page(self, record: Record) -> None:
        assert await page(record) == ApiKeyPage(items=(), next=None, total=0)

    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
    async def test_pages_neither_repeat_nor_skip_and_begin_with_the_newest(self, record: Record, limit: int) -> None:
        # Several of one moment, and ids that say nothing of the order.
        minutes = [(3, 5), (9, 4), (1, 4), (7, 4), (2, 3), (8, 3), (4, 1)]
        stored = [a_key(number, created_at=NOW + timedelta(minutes=minute)) for number, minute in minutes]
        await add(record, *sorted(stored, key=lambda key: key.id))

        read: list[str] = []
        after = None
        for _ in range(len(stored)):
            result = await page(record, ApiKeyQuery(limit=limit, after=after))
            read += [key.id for key in result.items]
            assert result.total == len(stored)
            if (after := result.next) is None:
                break

        assert read == [a_key_id(number) for number in (3, 9, 7, 1, 8, 2, 4)]

    async def test_a_page_goes_on_behind_a_key_that_was_revoked_meanwhile(self, record: Record) -> None:
        await add(record, *(a_key(number, created_at=NOW + timedelta(minutes=number)) for number in range(4)))
        first = await page(record, ApiKeyQuery(limit=2))
        assert first.next == a_key_id(2)
        await remove(record, a_key_id(2))

        rest = await page(record, ApiKeyQuery(limit=2, after=first.next))

        assert [key.id for key in rest.items] == [a_key_id(1), a_key_id(0)]

    @pytest.mark.parametrize("after", ["", "nobody", a_key_id(9), "\ud800", "x" * 100_000])
    async def test_a_page_behind_a_key_that_never_was_is_refused(self, record: Record, after: str) -> None:
        """AD-08."""
        await add(record, a_key())

        with pytest.raises(InvalidRequest):
            await page(record, ApiKeyQuery(after=after))

    async def test_an_owner_sees_and_counts_their_own(self, record: Record) -> None:
        """AD-05."""
        await add(record, a_key(1), a_key(2, owner_id=an_id(2)), a_key(3), a_key(4))
        await remove(record, a_key_id(4))

        result = await page(record, ApiKeyQuery(owner_id=an_id(1)))

        assert result == ApiKeyPage(items=(a_key(3), a_key(1)), next=None, total=2)
        assert await count_for(record, an_id(1)) == 2
        assert await count_for(record, an_id(2)) == 1
        assert await count_for(record, an_id(3)) == 0

    @pytest.mark.parametrize(
        ("search", "found"),
        [
            ("", [4, 3, 2, 1]),
            ("BACKUP", [1]),
            ("ｂａｃｋｕｐ", [1]),
            ("at NIGHT", [2]),
            ("user2", [4, 3]),
            ("user", [4, 3, 2, 1]),
            ("%", [3]),
            ("_", [4]),
            ("'", []),
            ("b%p", []),
            ("backup\nat", []),
            ("\ud800", []),
            ("a" * 100_000, []),
        ],
    )
    async def test_names_comments_and_owners_are_searched_for_what_is_written_literally(
        self, record: Record, search: str, found: list[int]
    ) -> None:
        """AD-08."""
        await add_users(record, a_user(1), a_user(2))
        await add(
            record,
            a_key(1, name="Backup"),
            a_key(2, name="Till", comment="runs at night"),
            a_key(3, name="100%", owner_id=an_id(2)),
            a_key(4, name="a_b", owner_id=an_id(2)),
        )

        result = await page(record, ApiKeyQuery(search=search))

        assert [key.id for key in result.items] == [a_key_id(number) for number in found]
        assert result.total == len(found)

    async def test_a_search_among_ones_own_finds_nobody_elses(self, record: Record) -> None:
        """AD-05."""
        await add(record, a_key(1, name="backup"), a_key(2, name="backup", owner_id=an_id(2)))

        result = await page(record, ApiKeyQuery(owner_id=an_id(2), search="backup"))

        assert [key.id for key in result.items] == [a_key_id(2)]

    # --- the directory's source -----------------------------------------------------------------------------------

    async def test_the_directory_is_loaded_with_every_key_and_what_is_left_of_revoked_ones(
        self, record: Record
    ) -> None:
        await add(record, a_key(2), a_full_key(1), a_key(3, revision=7))
        await remove(record, a_key_id(3))

        first = await entries(record, None, 2)
        rest = await entries(record, first[-1].id, 2)

        assert first == (a_full_key(1), a_key(2))
        assert rest == (DeletedApiKey(a_key_id(3), 8),)

    async def test_every_change_is_due_until_it_is_settled_and_the_oldest_comes_first(self, record: Record) -> None:
        await add(record, a_key(1, updated_at=LATER), a_key(2))
        assert await due(record) == (a_key(2), a_key(1, updated_at=LATER))
        await settle(record, a_key_id(1), 1)
        await settle(record, a_key_id(2), 1)
        assert await due(record) == ()

        await update(record, changed(a_key(2)), 1)
        await remove(record, a_key_id(1), LATER)

        assert await due(record) == (changed(a_key(2)), DeletedApiKey(a_key_id(1), 2))
        assert await due(record, 1) == (changed(a_key(2)),)

    async def test_a_change_that_is_newer_than_what_was_carried_stays_due(self, record: Record) -> None:
        await add(record, a_key())
        await update(record, changed(a_key()), 1)

        await settle(record, a_key_id(1), 1)

        assert await due(record) == (changed(a_key()),)
        await settle(record, a_key_id(1), 2)
        await settle(record, a_key_id(1), 1)
        assert await due(record) == ()

    async def test_nothing_can_be_settled_before_it_happened(self, record: Record) -> None:
        await add(record, a_key())
        await settle(record, a_key_id(1), 1)
        await settle(record, a_key_id(1), 2)
        await settle(record, "nobody", 1)

        await update(record, changed(a_key()), 1)

        assert await due(record) == (changed(a_key()),)

    # --- counting uses --------------------------------------------------------------------------------------------

    async def test_uses_are_added_and_the_last_one_never_goes_back(self, record: Record) -> None:
        await add(record, a_key(1), a_key(2))

        await note(record, ApiKeyUse(a_key_id(1), 3, LATER), ApiKeyUse(a_key_id(2), 1, NOW))
        await note(record, ApiKeyUse(a_key_id(1), 2, NOW))

        assert await get(record, a_key_id(1)) == a_key(1, use_count=5, last_used_at=LATER)
        assert await get(record, a_key_id(2)) == a_key(2, use_count=1, last_used_at=NOW)

    async def test_a_use_is_no_change_that_has_to_be_carried(self, record: Record) -> None:
        await add(record, a_key())
        await settle(record, a_key_id(1), 1)

        await note(record, ApiKeyUse(a_key_id(1), 1, LATER))

        assert await due(record) == ()
        assert (await get(record, a_key_id(1))).revision == 1

    async def test_uses_of_unknown_and_revoked_keys_are_ignored(self, record: Record) -> None:
        await add(record, a_key(1), a_key(2))
        await remove(record, a_key_id(2))

        await note(record, *(ApiKeyUse(key_id, 1, LATER) for key_id in ("nobody", a_key_id(2), a_key_id(1))))
        await note(record)

        assert (await get(record, a_key_id(1))).use_count == 1
        assert await find_entry(record, a_key_id(2)) == DeletedApiKey(a_key_id(2), 2)

    async def test_of_ten_who_note_uses_at_once_no_count_is_lost(self, record: Record) -> None:
        await add(record, a_key(1), a_key(2))

        await asyncio.gather(
            *(
                note(record, *(ApiKeyUse(a_key_id(number), 1, LATER) for number in ((1, 2), (2, 1))[caller % 2]))
                for caller in range(10)
            )
        )

        assert [(await get(record, a_key_id(number))).use_count for number in (1, 2)] == [10, 10]

    # --- outages --------------------------------------------------------------------------------------------------

    async def test_without_its_database_nothing_is_known_and_nothing_is_lost(self, record: Record, cut: Cut) -> None:
        await add(record, a_key())

        async with cut():
            for call in (
                lambda: get(record, a_key_id(1)),
                lambda: find_legacy(record, LEGACY_DIGEST),
                lambda: remove(record, a_key_id(1)),
                lambda: note(record, ApiKeyUse(a_key_id(1), 1, LATER)),
            ):
                with pytest.raises(Unavailable):
                    await call()

        assert await get(record, a_key_id(1)) == a_key()


def fields_taken(outcomes: list[BaseException | None]) -> list[str]:
    """What those were told who came too late."""
    refusals = [outcome for outcome in outcomes if outcome is not None]
    return [refusal.field if isinstance(refusal, AlreadyExists) else repr(refusal) for refusal in refusals]


async def add(record: Record, *keys: ApiKey) -> None:
    for key in keys:
        await record.transact(lambda transaction, key=key: transaction.api_keys.add(key))


async def get(record: Record, key_id: str) -> ApiKey:
    return await record.transact(lambda transaction: transaction.api_keys.get(key_id))


async def find_entry(record: Record, key_id: str) -> ApiKeyEntry | None:
    return await record.transact(lambda transaction: transaction.api_keys.find_entry(key_id))


async def find_legacy(record: Record, digest: str) -> ApiKey | None:
    return await record.transact(lambda transaction: transaction.api_keys.find_legacy(digest))


async def update(record: Record, key: ApiKey, expected_revision: int) -> None:
    await record.transact(lambda transaction: transaction.api_keys.update(key, expected_revision))


async def remove(record: Record, key_id: str, now: datetime = LATER) -> ApiKeyEntry:
    return await record.transact(lambda transaction: transaction.api_keys.remove(key_id, now))


async def remove_all_of(record: Record, owner_id: UUID) -> tuple[ApiKeyEntry, ...]:
    return await record.transact(lambda transaction: transaction.api_keys.remove_all_of(owner_id, LATER))


async def count_for(record: Record, owner_id: UUID) -> int:
    return await record.transact(lambda transaction: transaction.api_keys.count_for(owner_id))


async def page(record: Record, query: ApiKeyQuery | None = None) -> ApiKeyPage:
    return await record.transact(lambda transaction: transaction.api_keys.page(query or ApiKeyQuery()))


async def entries(record: Record, after: str | None, limit: int) -> tuple[ApiKeyEntry, ...]:
    return await record.transact(lambda transaction: transaction.api_keys.entries(after, limit))


async def due(record: Record, limit: int = 100) -> tuple[ApiKeyEntry, ...]:
    return await record.transact(lambda transaction: transaction.api_keys.due(limit))


async def settle(record: Record, key_id: str, revision: int) -> None:
    await record.transact(lambda transaction: transaction.api_keys.settle(key_id, revision))


async def note(record: Record, *uses: ApiKeyUse) -> None:
    await record.transact(lambda transaction: transaction.api_keys.note_uses(uses))
