"""What every ``UserRepository`` promises."""

import asyncio
import itertools
from dataclasses import replace
from datetime import timedelta

import pytest
from contracts.record_samples import HASH, NOW, a_user, add_users, an_admin, an_id, changed, get_user
from paseport.subject import SubjectState
from paseport_shared.domain.errors import AlreadyExists, InvalidRequest, NotFound, PreconditionFailed
from paseport_shared.domain.models.user import User, UserPage, UserQuery, UserSort
from paseport_shared.domain.ports.record import Record, RecordTransaction

ALICE = a_user(1, username="Alice", email="Alice@Example.com", display_name="Alice Liddell")
SPELLINGS_OF_ALICE = ["Alice", "alice", "ALICE", "Ａlice", "alice ", "\u00a0alice\t", "aLiCe\u3000"]
SORTS: list[UserSort] = ["username", "email", "created_at"]


class UserRepositoryContract:
    """An adapter's test supplies the fixture ``record``, empty."""

    # --- storing and finding --------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        "user",
        [
            ALICE,
            a_user(1, display_name="Ünï ‮ 😀", roles=frozenset()),
            a_user(1, password_hash=None, disabled=True, roles=frozenset({"Admin", "admin", "a.b_c-d"})),
            a_user(1, built_in=True, version=2**40, revision=2**40),
            a_user(1, email_verified=True),
            a_user(1, username="n" * 64, email=f"{'l' * 64}@{'d' * 60}.{'d' * 60}.{'d' * 59}.example"),
            # Every character of the display name grows to eighteen in its canonical form.
            a_user(1, display_name="ﷺ" * 100, roles=frozenset(f"Role{number}" for number in range(32))),
        ],
    )
    async def test_a_user_comes_back_as_stored(self, record: Record, user: User) -> None:
        await add_users(record, user)

        assert await get_user(record, user.id) == user

    async def test_times_come_back_aware_in_utc_to_the_microsecond(self, record: Record) -> None:
        await add_users(record, ALICE)

        created_at = (await get_user(record, ALICE.id)).created_at

        assert created_at == NOW
        assert created_at.microsecond == 123456
        assert created_at.utcoffset() == timedelta(0)

    async def test_a_user_who_does_not_exist_is_not_found(self, record: Record) -> None:
        with pytest.raises(NotFound):
            await get_user(record, an_id(1))

    async def test_the_names_of_several_users_are_read_at_once(self, record: Record) -> None:
        await add_users(record, ALICE, a_user(2, username="Bob"), a_user(3))

        names = await record.transact(lambda transaction: transaction.users.usernames({an_id(1), an_id(2), an_id(9)}))
        none = await record.transact(lambda transaction: transaction.users.usernames(set()))

        assert names == {an_id(1): "Alice", an_id(2): "Bob"}
        assert none == {}

    @pytest.mark.parametrize(
        "spelling", [*SPELLINGS_OF_ALICE, "ALICE@EXAMPLE.COM", " alice@example.com", "alice＠example.com"]
    )
    async def test_a_person_signs_in_with_any_spelling_of_name_or_address(self, record: Record, spelling: str) -> None:
        """LG-10: and all spellings are counted as one account."""
        await add_users(record, ALICE, a_user(2))

        assert await find(record, spelling) == ALICE

    @pytest.mark.parametrize(
        "login",
        [
            "",
            " ",
            "alic",
            "alicee",
            "Àlice",
            "alice@",
            "@",
            "%",
            "_lice",
            "alice\0",
            "alice'--",
            "\ud800",
            "x" * 100_000,
        ],
    )
    async def test_what_is_not_a_spelling_finds_nobody(self, record: Record, login: str) -> None:
        await add_users(record, ALICE)

        assert await find(record, login) is None

    @pytest.mark.parametrize("names", [("straße", "strasse"), ("ﬁnn", "FINN"), ("Σίσυφος", "σίσυφοσ")])
    async def test_names_that_fold_to_one_form_are_one_name(self, record: Record, names: tuple[str, str]) -> None:
        await add_users(record, a_user(1, username=names[0]))

        assert (await find(record, names[1])) is not None
        with pytest.raises(AlreadyExists):
            await add_users(record, a_user(2, username=names[1]))

    @pytest.mark.parametrize("names", [("alice", "álice"), ("jose", "josé"), ("a", "ä"), ("o", "ø")])
    async def test_names_that_only_look_alike_are_two_names(self, record: Record, names: tuple[str, str]) -> None:
        """MariaDB's usual collations would take them for one."""
        await add_users(record, a_user(1, username=names[0]), a_user(2, username=names[1]))

        assert [user.username for user in (await page(record)).items] == list(names)

    # --- uniqueness -----------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("spelling", SPELLINGS_OF_ALICE)
    async def test_an_admin_cannot_create_another_spelling_of_a_name(self, record: Record, spelling: str) -> None:
        """AD-09."""
        await add_users(record, ALICE)

        with pytest.raises(AlreadyExists) as refusal:
            await add_users(record, a_user(2, username=spelling))

        assert refusal.value.field == "username"

    async def test_an_admin_cannot_create_another_spelling_of_an_address(self, record: Record) -> None:
        """AD-09."""
        await add_users(record, ALICE)

        with pytest.raises(AlreadyExists) as refusal:
            await add_users(record, a_user(2, email="aLICE@eXAMPLE.cOM"))

        assert refusal.value.field == "email"

    async def test_where_both_are_taken_the_user_name_is_named(self, record: Record) -> None:
        await add_users(record, ALICE, a_user(3, username="uq_users_canonical_email"))

        with pytest.raises(AlreadyExists) as by_one:
            await add_users(record, a_user(2, username="alice", email="alice@example.com"))
        with pytest.raises(AlreadyExists) as by_two:
            await add_users(record, a_user(2, username="UQ_users_canonical_email", email="alice@example.com"))

        assert (by_one.value.field, by_two.value.field) == ("username", "username")

    async def test_an_id_is_stored_once(self, record: Record) -> None:
        await add_users(record, ALICE)

        with pytest.raises(AlreadyExists) as refusal:
            await add_users(record, a_user(1))

        assert refusal.value.field == "id"

    async def test_of_twenty_who_create_one_name_at_once_exactly_one_does(self, record: Record) -> None:
        """AD-09."""
        candidates = [
            a_user(number, username=spelling)
            for number, spelling in zip(range(20), itertools.cycle(SPELLINGS_OF_ALICE), strict=False)
        ]

        outcomes = await asyncio.gather(*(add_users(record, user) for user in candidates), return_exceptions=True)

        refusals = [outcome for outcome in outcomes if outcome is not None]
        assert [type(refusal) for refusal in refusals] == [AlreadyExists] * 19
        assert (await page(record)).total == 1

    async def test_a_name_is_free_again_when_its_user_is_gone(self, record: Record) -> None:
        await add_users(record, ALICE)
        await record.transact(lambda transaction: transaction.users.delete(ALICE.id, expected_revision=1))

        await add_users(record, replace(ALICE, id=an_id(2)))

        assert await find(record, "alice") == replace(ALICE, id=an_id(2))

    # --- changing -------------------------------------------------------------------------------------------------

    async def test_an_admin_changes_everything_about_a_user(self, record: Record) -> None:
        await add_users(record, ALICE, a_user(2))
        other = changed(
            ALICE,
            username="Bob",
            email="bob@example.org",
            display_name=None,
            password_hash=None,
            roles=frozenset({"Admin", "Auditor"}),
            disabled=True,
            version=2,
            email_verified=True,
        )

        await update(record, other, 1)

        assert await get_user(record, ALICE.id) == other
        assert await find(record, "alice") is None
        assert await get_user(record, an_id(2)) == a_user(2)

    @pytest.mark.parametrize("roles", [set(), {"User"}, {"user"}, {"Admin"}, {"Admin", "Auditor", "User"}])
    async def test_roles_after_a_change_are_those_of_the_change(self, record: Record, roles: set[str]) -> None:
        """Role names are case-sensitive (design §3)."""
        await add_users(record, an_admin(1), an_admin(2))

        await update(record, changed(an_admin(1), roles=frozenset(roles)), 1)

        assert (await get_user(record, an_id(1))).roles == roles
        assert (await get_user(record, an_id(2))).roles == {"Admin", "User"}

    async def test_a_user_keeps_the_name_in_another_spelling(self, record: Record) -> None:
        await add_users(record, ALICE)

        await update(record, changed(ALICE, username="ALICE"), 1)

        assert (await get_user(record, ALICE.id)).username == "ALICE"

    @pytest.mark.parametrize(("field", "value"), [("username", "Ａlice"), ("email", "ALICE@example.com")])
    async def test_a_user_cannot_take_over_what_is_another_ones(self, record: Record, field: str, value: str) -> None:
        await add_users(record, ALICE, a_user(2))

        with pytest.raises(AlreadyExists) as refusal:
            await update(record, changed(a_user(2), roles=frozenset(), **{field: value}), 1)

        assert refusal.value.field == field
        assert await get_user(record, an_id(2)) == a_user(2)

    @pytest.mark.parametrize("revision", [0, 2, -1, 2**63, 2**100, -(2**100)])
    async def test_a_change_of_another_revision_is_refused(self, record: Record, revision: int) -> None:
        """RFC 9110 §13.1.1: clients send the revision, so it may be any number."""
        await add_users(record, ALICE)

        with pytest.raises(PreconditionFailed):
            await update(record, changed(ALICE, disabled=True), revision)
        with pytest.raises(PreconditionFailed):
            await record.transact(lambda transaction: transaction.users.delete(ALICE.id, expected_revision=revision))

        assert await get_user(record, ALICE.id) == ALICE

    async def test_nobody_cannot_be_changed(self, record: Record) -> None:
        with pytest.raises(NotFound):
            await update(record, changed(ALICE), 1)
        with pytest.raises(NotFound):
            await record.transact(lambda transaction: transaction.users.delete(ALICE.id, expected_revision=1))

    async def test_of_two_admins_who_change_what_they_both_read_one_wins(self, record: Record) -> None:
        await add_users(record, ALICE)

        outcomes = await asyncio.gather(
            update(record, changed(ALICE, display_name="first"), 1),
            update(record, changed(ALICE, display_name="second"), 1),
            return_exceptions=True,
        )

        assert [type(outcome) for outcome in outcomes if outcome is not None] == [PreconditionFailed]
        stored = await get_user(record, ALICE.id)
        assert stored.revision == 2
        assert stored.display_name == ("first" if outcomes[0] is None else "second")

    async def test_a_deleted_user_is_gone_with_all_that_was_theirs(self, record: Record) -> None:
        """DT-08: an account that comes back under the same id does not inherit roles."""
        await add_users(record, an_admin(1), a_user(2))

        await record.transact(lambda transaction: transaction.users.delete(an_id(1), expected_revision=1))

        with pytest.raises(NotFound):
            await get_user(record, an_id(1))
        await add_users(record, a_user(1, roles=frozenset()))
        assert (await get_user(record, an_id(1))).roles == frozenset()
        assert await get_user(record, an_id(2)) == a_user(2)

    # --- passwords ------------------------------------------------------------------------------------------------

    async def test_an_upgraded_hash_replaces_the_old_one_and_nothing_else_changes(self, record: Record) -> None:
        await add_users(record, ALICE)

        replaced = await record.transact(
            lambda transaction: transaction.users.replace_password_hash(ALICE.id, old=HASH, new="{new}")
        )

        assert replaced
        assert await get_user(record, ALICE.id) == replace(ALICE, password_hash="{new}")

    async def test_a_hash_that_replaces_itself_was_the_stored_one(self, record: Record) -> None:
        """MariaDB counts rows that changed, unless it is told to count those that were found."""
        await add_users(record, ALICE)

        assert await record.transact(
            lambda transaction: transaction.users.replace_password_hash(ALICE.id, old=HASH, new=HASH)
        )

    async def test_a_password_that_was_changed_meanwhile_is_not_turned_back(self, record: Record) -> None:
        await add_users(record, ALICE, a_user(2, password_hash=None))

        for user_id, old in [(ALICE.id, "{older}"), (ALICE.id, HASH.upper()), (an_id(2), "{older}"), (an_id(9), HASH)]:
            replaced = await record.transact(
                lambda transaction, user_id=user_id, old=old: transaction.users.replace_password_hash(
                    user_id, old=old, new="{new}"
                )
            )
            assert not replaced

        assert await get_user(record, ALICE.id) == ALICE

    async def test_whoever_prints_a_user_does_not_print_the_password_hash(self, record: Record) -> None:
        await add_users(record, ALICE)

        stored = await get_user(record, ALICE.id)

        assert HASH not in f"{stored!r} {stored} {(await page(record))!r}"

    # --- admins ---------------------------------------------------------------------------------------------------

    async def test_active_admins_are_people_with_the_role_who_are_not_disabled(self, record: Record) -> None:
        await add_users(
            record,
            an_admin(1),
            an_admin(2),
            an_admin(3, disabled=True),
            an_admin(4, built_in=True),
            a_user(5),
            a_user(6, roles=frozenset({"admin", "Admin2"})),
        )

        assert await record.transact(lambda transaction: transaction.users.count_active_admins()) == 2

    async def test_the_count_sees_what_its_own_transaction_did(self, record: Record) -> None:
        await add_users(record, an_admin(1), an_admin(2))

        async def work(transaction: RecordTransaction) -> int:
            await transaction.users.delete(an_id(1), expected_revision=1)
            return await transaction.users.count_active_admins()

        assert await record.transact(work) == 1

    # --- the list -------------------------------------------------------------------------------------------------

    async def test_an_empty_record_has_an_empty_page(self, record: Record) -> None:
        assert await page(record) == UserPage(items=(), next=None, total=0)

    @pytest.mark.parametrize("descending", [False, True])
    @pytest.mark.parametrize("sort", SORTS)
    async def test_an_admin_sorts_the_list(self, record: Record, sort: UserSort, descending: bool) -> None:
        first = a_user(3, username="Anna", email="a@example.com", created_at=NOW)
        second = a_user(1, username="bert", email="B@example.com", created_at=NOW + timedelta(microseconds=1))
        third = a_user(2, username="Ｃleo", email="c@example.com", created_at=NOW + timedelta(days=1))
        await add_users(record, second, third, first)

        items = (await page(record, UserQuery(sort=sort, descending=descending))).items

        assert items == ((third, second, first) if descending else (first, second, third))

    @pytest.mark.parametrize("descending", [False, True])
    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
    async def test_pages_neither_repeat_nor_skip_where_everything_ties(
        self, record: Record, limit: int, descending: bool
    ) -> None:
        """All were created in one import, in the same microsecond."""
        users = [a_user(number) for number in range(7)]
        await add_users(record, *users)

        read = await read_all(record, UserQuery(sort="created_at", descending=descending, limit=limit))

        assert read == (users[::-1] if descending else users)

    @pytest.mark.parametrize("sort", SORTS)
    async def test_a_page_starts_where_the_last_one_stopped_though_users_come_and_go(
        self, record: Record, sort: UserSort
    ) -> None:
        await add_users(record, *(a_user(number) for number in range(1, 7)))
        first = await page(record, UserQuery(sort=sort, limit=3))
        await record.transact(lambda transaction: transaction.users.delete(an_id(3), expected_revision=1))
        await add_users(record, a_user(0, created_at=NOW - timedelta(days=1)))

        second = await page(record, UserQuery(sort=sort, limit=3, after=first.next))

        assert [user.username for user in first.items] == ["user1", "user2", "user3"]
        assert [user.username for user in second.items] == ["user4", "user5", "user6"]
        assert (second.next, second.total) == (None, 6)

    async def test_a_page_that_ends_the_list_has_no_next_even_if_it_is_full(self, record: Record) -> None:
        await add_users(record, a_user(1), a_user(2))

        assert (await page(record, UserQuery(limit=2))).next is None

    @pytest.mark.parametrize("position", ["", "yesterday", "2026-01-31", "2026-01-31T12:00:00", "\ud800"])
    async def test_a_made_up_position_in_time_is_an_invalid_request(self, record: Record, position: str) -> None:
        await add_users(record, a_user(1))

        with pytest.raises(InvalidRequest):
            await page(record, UserQuery(sort="created_at", after=(position, an_id(1))))

    @pytest.mark.parametrize(
        ("search", "found"),
        [
            ("", ["100%", "a_b", "alice", "back\\slash", "quo'te"]),
            ("ALICE", ["alice"]),
            ("ｌｉｄｄ", ["alice"]),
            ("e l", ["alice"]),
            ("@sub.example", ["a_b"]),
            ("%", ["100%"]),
            ("_", ["a_b"]),
            ("\\", ["back\\slash"]),
            ("'", ["quo'te"]),
            ("a%e", []),
            ("a.b", []),
            ("nobody", []),
            ("\0", []),
            ("\ud800", []),
            ("a" * 100_000, []),
        ],
    )
    async def test_an_admin_searches_for_what_is_written_literally(
        self, record: Record, search: str, found: list[str]
    ) -> None:
        """AD-08: metacharacters of SQL and LIKE are characters like others."""
        await add_users(
            record,
            a_user(1, username="alice", display_name="Alice Liddell"),
            a_user(2, username="100%"),
            a_user(3, username="a_b", email="ab@sub.example.org"),
            a_user(4, username="back\\slash"),
            a_user(5, username="quo'te"),
        )

        result = await page(record, UserQuery(search=search))

        assert [user.username for user in result.items] == found
        assert result.total == len(found)

    async def test_an_admin_filters_by_role_and_state(self, record: Record) -> None:
        await add_users(
            record,
            an_admin(1),
            an_admin(2, disabled=True),
            a_user(3),
            a_user(4, disabled=True),
            a_user(5, roles=frozenset({"admin"})),
        )

        async def names(query: UserQuery) -> list[str]:
            result = await page(record, query)
            assert result.total == len(result.items)
            return [user.username for user in result.items]

        assert await names(UserQuery(role="Admin")) == ["user1", "user2"]
        assert await names(UserQuery(role="admin")) == ["user5"]
        assert await names(UserQuery(role="Admin", disabled=False)) == ["user1"]
        assert await names(UserQuery(disabled=True)) == ["user2", "user4"]
        assert await names(UserQuery(disabled=False)) == ["user1", "user3", "user5"]
        assert await names(UserQuery(role="User", disabled=True, search="4")) == ["user4"]
        assert await names(UserQuery(role="%")) == []
        assert await names(UserQuery(role="\ud800")) == []

    async def test_filters_hold_on_every_page_and_the_total_counts_all_of_them(self, record: Record) -> None:
        await add_users(record, *(a_user(number, disabled=number % 2 == 0) for number in range(9)))
        query = UserQuery(disabled=True, limit=2)

        read = await read_all(record, query)

        assert [user.username for user in read] == ["user0", "user2", "user4", "user6", "user8"]
        assert (await page(record, query)).total == 5

    # --- the role directory's source ------------------------------------------------------------------------------

    async def test_the_role_directory_is_loaded_with_every_user_in_the_order_of_ids(self, record: Record) -> None:
        await add_users(
            record,
            a_user(3, built_in=True),
            an_admin(1, version=4, revision=9, display_name="Ünï", email_verified=True),
            a_user(2, disabled=True, roles=frozenset()),
        )

        first = await record.transact(lambda transaction: transaction.users.subject_states(None, 2))
        rest = await record.transact(lambda transaction: transaction.users.subject_states(first[-1].user_id, 2))

        assert first == (
            SubjectState(an_id(1), "user1", frozenset({"Admin", "User"}), True, 4, 9, "user1@example.com", "Ünï"),
            SubjectState(an_id(2), "user2", frozenset(), False, 1, 1),
        )
        assert rest == (SubjectState(an_id(3), "user3", frozenset({"User"}), True, 1, 1),)


async def find(record: Record, login: str) -> User | None:
    return await record.transact(lambda transaction: transaction.users.find_by_login(login))


async def update(record: Record, user: User, expected_revision: int) -> None:
    await record.transact(lambda transaction: transaction.users.update(user, expected_revision=expected_revision))


async def page(record: Record, query: UserQuery | None = None) -> UserPage:
    return await record.transact(lambda transaction: transaction.users.page(query or UserQuery()))


async def read_all(record: Record, query: UserQuery) -> list[User]:
    """Follow the pages to the end, as somebody who scrolls does."""
    result = await page(record, query)
    read = list(result.items)
    while result.next is not None:
        result = await page(record, replace(query, after=result.next))
        read += result.items
        assert len(read) < 1000, "the pages never end"
    return read
