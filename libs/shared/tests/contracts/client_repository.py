"""What every ``ClientRepository`` promises."""

import asyncio
from datetime import timedelta

import pytest
from contracts.client_samples import NOW, a_client, a_full_client, a_verifier, changed
from paseport_shared.domain.errors import AlreadyExists, NotFound, PreconditionFailed
from paseport_shared.domain.models.client import Client, ClientKind
from paseport_shared.domain.models.client_registry import ClientEntry, ClientPage, ClientQuery, DeletedClient
from paseport_shared.domain.ports.record import Record

LATER = NOW + timedelta(days=1)


class ClientRepositoryContract:
    """An adapter's test supplies the fixture ``record``, empty."""

    # --- storing and finding --------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        "client",
        [
            a_client(),
            a_full_client(),
            a_client("n" * 64, name="ﷺ" * 100, scope=(), grants=frozenset(), redirect_uris=()),
            a_client(audience=f"https://{'a' * 1_980}.example", redirect_uris=tuple(f"https://{n}" for n in range(50))),
        ],
    )
    async def test_a_client_comes_back_as_stored(self, record: Record, client: Client) -> None:
        await add(record, client)

        assert await get(record, client.client_id) == client
        assert await find(record, client.client_id) == client

    async def test_a_client_that_does_not_exist_is_not_found(self, record: Record) -> None:
        with pytest.raises(NotFound):
            await get(record, "shop")

    @pytest.mark.parametrize(
        "text", ["", "Shop", "shop ", " shop", "sh_p", "sh%", "ｓhop", "shöp", "shop\0", "\ud800", "x" * 100_000]
    )
    async def test_what_is_not_the_id_to_the_letter_finds_nothing(self, record: Record, text: str) -> None:
        """AZ-01."""
        await add(record, a_client())

        assert await find(record, text) is None

    async def test_a_verifier_comes_back_as_stored_and_is_no_client(self, record: Record) -> None:
        """AD-01: whoever manages clients meets no verifier, and the other way round."""
        await add(record, a_client(), a_verifier())

        assert await get(record, "verifier-1", ClientKind.VERIFIER) == a_verifier()
        assert await find(record, "verifier-1") == a_verifier()
        for client_id, kind in (("verifier-1", ClientKind.OAUTH), ("shop", ClientKind.VERIFIER)):
            with pytest.raises(NotFound):
                await get(record, client_id, kind)

    async def test_whoever_prints_a_client_does_not_print_the_hash_of_a_secret(self, record: Record) -> None:
        await add(record, a_full_client())

        stored = await get(record, "till")

        assert stored.secrets[0].digest.hex() not in f"{stored!r}{stored}"
        assert "digest" not in f"{stored!r}{stored}"

    # --- an id is given out once ----------------------------------------------------------------------------------

    async def test_of_twenty_who_create_one_client_at_once_exactly_one_does(self, record: Record) -> None:
        outcomes = await asyncio.gather(
            *(add(record, a_client(name=f"Shop {number}")) for number in range(20)), return_exceptions=True
        )

        refusals = [outcome for outcome in outcomes if outcome is not None]
        assert [type(refusal) for refusal in refusals] == [AlreadyExists] * 19
        assert [refusal.field for refusal in refusals if isinstance(refusal, AlreadyExists)] == ["client_id"] * 19
        assert (await page(record)).total == 1

    async def test_the_id_of_a_deleted_client_stays_taken(self, record: Record) -> None:
        """Refresh families and consents name the client by its id: nobody may inherit them."""
        await add(record, a_client())
        await delete(record, "shop", 1)

        with pytest.raises(AlreadyExists):
            await add(record, a_client())

        assert await find(record, "shop") is None

    # --- changing -------------------------------------------------------------------------------------------------

    async def test_an_admin_changes_everything_about_a_client(self, record: Record) -> None:
        await add(record, a_client(), a_client("other"))
        other = a_full_client("shop", revision=2)

        await update(record, other, 1)

        assert await get(record, "shop") == other
        assert await get(record, "other") == a_client("other")

    @pytest.mark.parametrize("revision", [0, 2, -1, 2**63, 2**100, -(2**100)])
    async def test_a_change_of_another_revision_is_refused(self, record: Record, revision: int) -> None:
        """RFC 9110 §13.1.1: people send the revision, so it may be any number."""
        await add(record, a_client())

        with pytest.raises(PreconditionFailed):
            await update(record, changed(a_client(), disabled=True), revision)
        with pytest.raises(PreconditionFailed):
            await delete(record, "shop", revision)

        assert await get(record, "shop") == a_client()

    async def test_of_two_admins_who_change_what_they_both_read_one_wins(self, record: Record) -> None:
        await add(record, a_client())

        outcomes = await asyncio.gather(
            update(record, changed(a_client(), name="first"), 1),
            update(record, changed(a_client(), name="second"), 1),
            return_exceptions=True,
        )

        assert [type(outcome) for outcome in outcomes if outcome is not None] == [PreconditionFailed]
        assert (await get(record, "shop")).name == ("first" if outcomes[0] is None else "second")

    async def test_what_does_not_exist_cannot_be_changed(self, record: Record) -> None:
        with pytest.raises(NotFound):
            await update(record, changed(a_client()), 1)
        with pytest.raises(NotFound):
            await delete(record, "shop", 1)

    async def test_what_was_deleted_cannot_be_changed(self, record: Record) -> None:
        await add(record, a_client())
        await delete(record, "shop", 1)

        for revision in (1, 2):
            with pytest.raises(NotFound):
                await update(record, a_client(revision=revision + 1), revision)
            with pytest.raises(NotFound):
                await delete(record, "shop", revision)

    # --- the list -------------------------------------------------------------------------------------------------

    async def test_an_empty_record_has_an_empty_page(self, record: Record) -> None:
        assert await page(record) == ClientPage(items=(), next=None, total=0)

    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
    async def test_pages_neither_repeat_nor_skip(self, record: Record, limit: int) -> None:
        ids = ["A-client", "B.client", "a-client", "a.client", "a_client", "b1", "b10"]
        await add(record, *(a_client(client_id) for client_id in reversed(ids)))

        read, after = [], None
        for _ in range(len(ids)):
            result = await page(record, ClientQuery(limit=limit, after=after))
            read += [client.client_id for client in result.items]
            assert result.total == len(ids)
            if (after := result.next) is None:
                break

        assert read == ids

    async def test_deleted_and_excluded_clients_are_not_listed(self, record: Record) -> None:
        await add(record, a_client("one"), a_client("two"), a_client("three"))
        await delete(record, "two", 1)

        result = await page(record, ClientQuery(excluded=frozenset({"one", "bff"})))

        assert result == ClientPage(items=(a_client("three"),), next=None, total=1)

    async def test_each_kind_has_a_list_of_its_own(self, record: Record) -> None:
        await add(record, a_client("one"), a_verifier("two"), a_client("three"))

        clients = await page(record)
        verifiers = await page(record, ClientQuery(kind=ClientKind.VERIFIER))

        assert [client.client_id for client in clients.items] == ["one", "three"]
        assert verifiers == ClientPage(items=(a_verifier("two"),), next=None, total=1)

    async def test_an_admin_changes_and_revokes_a_verifier(self, record: Record) -> None:
        await add(record, a_verifier())
        await update(record, changed(a_verifier(), name="Wiki"), 1)
        assert await find(record, "verifier-1") == changed(a_verifier(), name="Wiki")

        await delete(record, "verifier-1", 2)

        with pytest.raises(NotFound):
            await get(record, "verifier-1", ClientKind.VERIFIER)
        assert await due(record) == (DeletedClient("verifier-1", 3, LATER),)

    async def test_an_id_is_given_out_once_whatever_the_kind(self, record: Record) -> None:
        await add(record, a_verifier("shop"))

        with pytest.raises(AlreadyExists):
            await add(record, a_client("shop"))

    async def test_the_directory_is_loaded_with_every_kind(self, record: Record) -> None:
        await add(record, a_client("shop"), a_verifier("reports"))

        assert await entries(record, None, 10) == await due(record) == (a_verifier("reports"), a_client("shop"))

    @pytest.mark.parametrize(
        ("search", "found"),
        [
            ("", ["100-percent", "Shop_A", "till"]),
            ("SHOP", ["Shop_A"]),
            ("ｔｉｌｌ", ["till"]),
            ("the t", ["till"]),
            ("%", ["100-percent"]),
            ("_", ["Shop_A"]),
            ("'", []),
            ("t%l", []),
            ("\ud800", []),
            ("a" * 100_000, []),
        ],
    )
    async def test_an_admin_searches_ids_and_names_for_what_is_written_literally(
        self, record: Record, search: str, found: list[str]
    ) -> None:
        """AD-08."""
        await add(
            record,
            a_client("till", name="The Till"),
            a_client("Shop_A", name="Corner"),
            a_client("100-percent", name="100%"),
        )

        result = await page(record, ClientQuery(search=search))

        assert [client.client_id for client in result.items] == found
        assert result.total == len(found)

    # --- the directory's source -----------------------------------------------------------------------------------

    async def test_the_directory_is_loaded_with_every_client_and_what_is_left_of_deleted_ones(
        self, record: Record
    ) -> None:
        await add(record, a_client("bbb"), a_full_client("aaa"), a_client("ccc", revision=7))
        await delete(record, "ccc", 7)

        first = await entries(record, None, 2)
        rest = await entries(record, first[-1].client_id, 2)

        assert first == (a_full_client("aaa"), a_client("bbb"))
        assert rest == (DeletedClient("ccc", 8, LATER),)
        assert await record.transact(lambda transaction: transaction.clients.find_entry("ccc")) == rest[0]

    async def test_every_change_is_due_until_it_is_settled(self, record: Record) -> None:
        await add(record, a_client("one"), a_client("two"))
        assert await due(record) == (a_client("one"), a_client("two"))
        await settle(record, "one", 1)
        await settle(record, "two", 1)
        assert await due(record) == ()

        await update(record, changed(a_client("one")), 1)
        await delete(record, "two", 1)

        assert await due(record) == (changed(a_client("one")), DeletedClient("two", 2, LATER))
        assert await due(record, 1) == (changed(a_client("one")),)

    async def test_a_change_that_is_newer_than_what_was_carried_stays_due(self, record: Record) -> None:
        await add(record, a_client())
        await update(record, changed(a_client()), 1)

        await settle(record, "shop", 1)

        assert await due(record) == (changed(a_client()),)
        await settle(record, "shop", 2)
        await settle(record, "shop", 1)
        assert await due(record) == ()

    async def test_nothing_can_be_settled_before_it_happened(self, record: Record) -> None:
        await add(record, a_client())
        await settle(record, "shop", 1)
        await settle(record, "nobody", 1)

        await update(record, changed(a_client()), 1)

        assert await due(record) == (changed(a_client()),)


async def add(record: Record, *clients: Client) -> None:
    for client in clients:
        await record.transact(lambda transaction, client=client: transaction.clients.add(client))


async def get(record: Record, client_id: str, kind: ClientKind = ClientKind.OAUTH) -> Client:
    return await record.transact(lambda transaction: transaction.clients.get(client_id, kind))


async def find(record: Record, client_id: str) -> Client | None:
    return await record.transact(lambda transaction: transaction.clients.find(client_id))


async def update(record: Record, client: Client, expected_revision: int) -> None:
    await record.transact(lambda transaction: transaction.clients.update(client, expected_revision=expected_revision))


async def delete(record: Record, client_id: str, expected_revision: int) -> None:
    await record.transact(
        lambda transaction: transaction.clients.delete(client_id, expected_revision=expected_revision, at=LATER)
    )


async def page(record: Record, query: ClientQuery | None = None) -> ClientPage:
    return await record.transact(lambda transaction: transaction.clients.page(query or ClientQuery()))


async def entries(record: Record, after: str | None, limit: int) -> tuple[ClientEntry, ...]:
    return await record.transact(lambda transaction: transaction.clients.entries(after, limit))


async def due(record: Record, limit: int = 100) -> tuple[ClientEntry, ...]:
    return await record.transact(lambda transaction: transaction.clients.due(limit))


async def settle(record: Record, client_id: str, revision: int) -> None:
    await record.transact(lambda transaction: transaction.clients.settle(client_id, revision))
