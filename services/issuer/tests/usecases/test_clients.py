"""Managing clients: administrators who act at once, make mistakes, or meet an outage."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from issuer_world import ADMIN_ACTOR, IssuerWorld
from paseport.secret import Secret
from paseport_issuer.use_cases.change_client import ChangeClientCommand
from paseport_issuer.use_cases.create_client import CreateClientCommand, NewSecret
from paseport_issuer.use_cases.delete_client import DeleteClientCommand
from paseport_issuer.use_cases.find_client import FindClient
from paseport_issuer.use_cases.load_read_models import LoadReadModels
from paseport_issuer.use_cases.roll_client_secret import DeleteClientSecretCommand, RollClientSecretCommand
from paseport_shared.adapters.memory.client_directory import MemoryClientDirectory
from paseport_shared.domain.errors import (
    AlreadyExists,
    BuiltInClient,
    NotFound,
    PreconditionFailed,
    RecordedNotInForce,
    TooManySecrets,
    Unavailable,
    ValidationFailed,
)
from paseport_shared.domain.models import base62
from paseport_shared.domain.models.client import Client, ClientAuthMethod, GrantType
from paseport_shared.domain.models.client_registry import ClientQuery

SHOP = Client(
    "shop",
    name="Shop",
    first_party=False,
    scope=("openid", "profile", "offline_access"),
    audience="",
    audiences=("https://orders.example.com",),
    auth_method=ClientAuthMethod.BASIC,
    grants=frozenset({GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN}),
    redirect_uris=("https://shop.example.com/callback",),
)
PUBLIC = replace(SHOP, client_id="phone", auth_method=ClientAuthMethod.NONE)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


async def create(world: IssuerWorld, client: Client = SHOP) -> Client | NewSecret:
    return await world.use.create_client(CreateClientCommand(client, ADMIN_ACTOR))


async def create_shop(world: IssuerWorld) -> NewSecret:
    made = await create(world)
    assert isinstance(made, NewSecret)
    return made


async def change(world: IssuerWorld, client: Client, **values: Any) -> Client:
    return await world.use.change_client(ChangeClientCommand(client.client_id, client.revision, values, ADMIN_ACTOR))


async def delete(world: IssuerWorld, client: Client) -> None:
    await world.use.delete_client(DeleteClientCommand(client.client_id, client.revision, ADMIN_ACTOR))


async def roll(world: IssuerWorld, client_id: str = "shop", overlap: timedelta = DAY) -> NewSecret:
    return await world.use.roll_client_secret(RollClientSecretCommand(client_id, ADMIN_ACTOR, overlap))


async def end_secret(world: IssuerWorld, secret_id: str, client_id: str = "shop") -> None:
    await world.use.roll_client_secret.delete(DeleteClientSecretCommand(client_id, secret_id, ADMIN_ACTOR))


async def found(world: IssuerWorld, client_id: str = "shop") -> Client:
    client = await world.use.find_client(client_id)
    assert client is not None
    return client


async def accepts(world: IssuerWorld, secret: Secret[str]) -> bool:
    return (await found(world)).is_authentic(secret, world.clock.now())


# --- creating -----------------------------------------------------------------------------------------------------


async def test_a_new_client_can_be_found_and_its_secret_fits(world: IssuerWorld) -> None:
    made = await create_shop(world)

    client = await found(world)

    assert client == made.client == await world.use.read_clients.one("shop")
    assert client.audience == "https://auth.example.com/userinfo"
    assert await accepts(world, made.secret)
    assert not await accepts(world, Secret(made.secret.reveal().swapcase()))


async def test_a_secret_is_256_random_bits_that_scanners_know(world: IssuerWorld) -> None:
    text = (await create_shop(world)).secret.reveal()

    prefix, bits, crc = text.split("_")
    assert (prefix, len(bits), crc) == ("pcs", 43, base62.crc(f"pcs_{bits}"))
    assert base62.decode(bits) < 1 << 256


async def test_a_public_client_has_no_secret(world: IssuerWorld) -> None:
    made = await create(world, PUBLIC)

    assert isinstance(made, Client)
    assert made.secrets == ()


async def test_what_the_server_decides_is_not_taken_from_the_request(world: IssuerWorld) -> None:
    forged = (await create_shop(world)).client

    made = await create(world, replace(forged, client_id="other", revision=99, audience="https://auth.example.com/api"))

    assert isinstance(made, NewSecret)
    assert (made.client.revision, made.client.audience) == (1, "https://auth.example.com/userinfo")
    assert {held.id for held in made.client.secrets} == {made.secret_id}


@pytest.mark.parametrize("client_id", ["bff", "cli", "mobile"])
async def test_nobody_takes_the_place_of_a_client_of_the_installation(world: IssuerWorld, client_id: str) -> None:
    with pytest.raises(AlreadyExists):
        await create(world, replace(SHOP, client_id=client_id))


async def test_the_id_of_a_deleted_client_is_not_given_out_again(world: IssuerWorld) -> None:
    """Its refresh families and consents would be the next one's."""
    await delete(world, (await create_shop(world)).client)

    with pytest.raises(AlreadyExists):
        await create(world)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"client_id": "0190b5a2-7c3e-7a11-8f00-0123456789ab"}, {"client_id"}),
        ({"name": " "}, {"name"}),
        ({"name": "Sh\u202eop"}, {"name"}),
        ({"redirect_uris": ("https://*.example.com/", "http://shop.example.com")}, {"redirect_uris"}),
        ({"redirect_uris": ("https://a.example",) * 2}, {"redirect_uris"}),
        ({"redirect_uris": tuple(f"https://shop.example.com/{n}" for n in range(51))}, {"redirect_uris"}),
        ({"post_logout_redirect_uris": ("javascript:alert(1)",)}, {"post_logout_redirect_uris"}),
        ({"scope": ("openid", "account")}, {"scopes"}),
        ({"scope": ("root",)}, {"scopes"}),
        ({"scope": ("openid", "openid")}, {"scopes"}),
        ({"scope": ("offline_access",), "grants": frozenset({GrantType.AUTHORIZATION_CODE})}, {"scopes"}),
        ({"grants": frozenset({GrantType.REFRESH_TOKEN}), "redirect_uris": ()}, {"grants"}),
        ({"audiences": ("https://auth.example.com/api",)}, {"audiences"}),
        ({"audiences": ("https://auth.example.com/orders",)}, {"audiences"}),
        ({"audiences": ("https://orders.example.com#x", "https://*", "orders")}, {"audiences"}),
        ({"access_token_lifetime": timedelta(seconds=301)}, {"access_token_lifetime"}),
        ({"access_token_lifetime": timedelta(seconds=29)}, {"access_token_lifetime"}),
        ({"refresh_lifetime": timedelta(days=91)}, {"refresh_lifetime"}),
        ({"auth_method": ClientAuthMethod.NONE, "require_pkce": False}, {"require_pkce"}),
        ({"auth_method": ClientAuthMethod.NONE, "grants": frozenset({GrantType.CLIENT_CREDENTIALS})}, {"grants"}),
        ({"auth_method": ClientAuthMethod.NONE, "grants": frozenset(), "scope": ()}, {"grants"}),
        ({"name": "", "scope": ("x",), "redirect_uris": ("x",)}, {"name", "scopes", "redirect_uris"}),
    ],
)
async def test_what_a_client_cannot_be_is_named_all_at_once(
    world: IssuerWorld, changes: dict[str, Any], fields: set[str]
) -> None:
    """AZ-05, AZ-10, and their neighbours."""
    if "grants" in changes and "scope" not in changes:
        changes = changes | {"scope": ("openid",)}
    with pytest.raises(ValidationFailed) as refusal:
        await create(world, replace(SHOP, **changes))

    assert {problem.field for problem in refusal.value.problems} == fields
    assert await world.use.find_client("shop") is None


async def test_a_first_party_client_may_hold_what_others_may_not(world: IssuerWorld) -> None:
    api = "https://auth.example.com/api"

    await create(world, replace(SHOP, first_party=True, scope=("openid", "account", "admin"), audiences=(api,)))

    assert (await found(world)).audience == api


async def test_a_resource_server_without_any_grant_is_a_client_that_introspects(world: IssuerWorld) -> None:
    await create(world, replace(SHOP, grants=frozenset(), scope=(), redirect_uris=()))

    assert (await found(world)).grants == frozenset()


# --- changing -----------------------------------------------------------------------------------------------------


async def test_a_change_is_in_force_at_once(world: IssuerWorld) -> None:
    client = (await create_shop(world)).client

    changed = await change(world, client, disabled=True, name="Closed")

    assert await found(world) == changed
    assert (changed.disabled, changed.name, changed.revision) == (True, "Closed", 2)


async def test_of_two_who_change_what_they_both_read_one_wins(world: IssuerWorld) -> None:
    client = (await create_shop(world)).client

    outcomes = await asyncio.gather(
        change(world, client, name="first"), change(world, client, name="second"), return_exceptions=True
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Client", "PreconditionFailed"]


async def test_a_change_that_changes_nothing_is_no_change(world: IssuerWorld) -> None:
    client = (await create_shop(world)).client

    assert await change(world, client, name=client.name) == client

    assert await world.actions() == ["client.created"]


async def test_a_client_that_becomes_first_party_or_stops_being_one_changes_its_audience(world: IssuerWorld) -> None:
    client = (await create_shop(world)).client

    first_party = await change(world, client, first_party=True)
    third_party = await change(world, first_party, first_party=False)

    assert first_party.audience == "https://auth.example.com/api"
    assert third_party.audience == "https://auth.example.com/userinfo"


async def test_a_client_that_becomes_public_loses_its_secrets_and_gets_none_back_by_itself(world: IssuerWorld) -> None:
    made = await create_shop(world)

    public = await change(world, made.client, auth_method=ClientAuthMethod.NONE)
    again = await change(world, public, auth_method=ClientAuthMethod.POST)

    assert public.secrets == again.secrets == ()
    assert not await accepts(world, made.secret)


async def test_a_client_that_the_rules_of_today_refuse_can_still_be_disabled(world: IssuerWorld) -> None:
    """The installation's lifetimes were shortened since it was made."""
    stored = replace((await create_shop(world)).client, access_token_lifetime=timedelta(hours=1), revision=2)
    await world.record.transact(lambda transaction: transaction.clients.update(stored, expected_revision=1))

    with pytest.raises(ValidationFailed):
        await change(world, stored, name="New")

    assert (await change(world, stored, disabled=True)).disabled


async def test_a_deleted_client_is_gone(world: IssuerWorld) -> None:
    client = (await create_shop(world)).client

    with pytest.raises(PreconditionFailed):
        await delete(world, replace(client, revision=7))
    await delete(world, client)

    assert await world.use.find_client("shop") is None
    with pytest.raises(NotFound):
        await world.use.read_clients.one("shop")
    with pytest.raises(NotFound):
        await delete(world, client)


@pytest.mark.parametrize("client_id", ["bff", "cli"])
async def test_what_the_installation_defines_cannot_be_changed(world: IssuerWorld, client_id: str) -> None:
    client = await world.use.read_clients.one(client_id)

    for attempt in (
        lambda: change(world, client, disabled=True),
        lambda: delete(world, client),
        lambda: roll(world, client_id),
        lambda: end_secret(world, "settings", client_id),
    ):
        with pytest.raises(BuiltInClient):
            await attempt()

    assert await world.use.find_client(client_id) == client


# --- secrets ------------------------------------------------------------------------------------------------------


async def test_while_a_secret_is_rolled_both_fit_and_then_the_new_one_alone(world: IssuerWorld) -> None:
    old = await create_shop(world)

    new = await roll(world)

    assert await accepts(world, old.secret)
    assert await accepts(world, new.secret)
    world.clock.advance(DAY)
    assert not await accepts(world, old.secret)
    assert await accepts(world, new.secret)


async def test_a_leaked_secret_ends_at_once(world: IssuerWorld) -> None:
    old = await create_shop(world)
    newer = await roll(world)

    newest = await roll(world, overlap=timedelta(0))

    assert not await accepts(world, old.secret)
    assert not await accepts(world, newer.secret)
    assert await accepts(world, newest.secret)


async def test_a_third_secret_does_not_push_out_the_one_that_is_in_use(world: IssuerWorld) -> None:
    """The answer with the second one was lost, and somebody tries again."""
    old = await create_shop(world)
    lost = await roll(world)

    with pytest.raises(TooManySecrets):
        await roll(world)

    await end_secret(world, lost.secret_id)
    new = await roll(world)
    assert await accepts(world, old.secret)
    assert not await accepts(world, lost.secret)
    assert await accepts(world, new.secret)


async def test_of_many_who_roll_at_once_one_does(world: IssuerWorld) -> None:
    await create_shop(world)

    outcomes = await asyncio.gather(*(roll(world) for _ in range(10)), return_exceptions=True)

    assert sum(isinstance(outcome, NewSecret) for outcome in outcomes) == 1
    assert len((await found(world)).secrets) == 2


async def test_rolling_again_never_makes_an_old_secret_live_longer(world: IssuerWorld) -> None:
    old = await create_shop(world)
    new = await roll(world, overlap=timedelta(minutes=5))
    await end_secret(world, new.secret_id)

    await roll(world)

    world.clock.advance(timedelta(minutes=5))
    assert not await accepts(world, old.secret)


async def test_a_secret_that_has_ended_makes_room(world: IssuerWorld) -> None:
    await create_shop(world)
    second = await roll(world)
    world.clock.advance(DAY)

    third = await roll(world)

    assert {held.id for held in (await found(world)).secrets} == {second.secret_id, third.secret_id}


async def test_even_the_last_secret_can_be_ended(world: IssuerWorld) -> None:
    made = await create_shop(world)

    await end_secret(world, made.secret_id)

    assert not await accepts(world, made.secret)
    with pytest.raises(NotFound):
        await end_secret(world, made.secret_id)


async def test_a_public_client_gets_no_secret(world: IssuerWorld) -> None:
    await create(world, PUBLIC)

    with pytest.raises(ValidationFailed):
        await roll(world, "phone")


@pytest.mark.parametrize("overlap", [timedelta(seconds=-1), timedelta(days=91)])
async def test_an_overlap_without_end_is_refused(world: IssuerWorld, overlap: timedelta) -> None:
    await create_shop(world)

    with pytest.raises(ValidationFailed):
        await roll(world, overlap=overlap)


# --- the list -----------------------------------------------------------------------------------------------------


async def test_the_list_shows_clients_of_every_source_in_one_order(world: IssuerWorld) -> None:
    for client_id in ("aaa", "bzz", "shop", "zzz"):
        await create(world, replace(SHOP, client_id=client_id))

    read: list[str] = []
    after: str | None = None
    while True:
        page = await world.use.read_clients.page(ClientQuery(limit=2, after=after))
        assert page.total == 6
        read += [client.client_id for client in page.items]
        if (after := page.next) is None:
            break

    assert read == ["aaa", "bff", "bzz", "cli", "shop", "zzz"]


async def test_a_search_looks_at_clients_of_every_source(world: IssuerWorld) -> None:
    await create(world, replace(SHOP, name="The PASEPORT shop"))

    page = await world.use.read_clients.page(ClientQuery(search="paseport"))

    assert [client.client_id for client in page.items] == ["bff", "cli", "shop"]
    assert (page.next, page.total) == (None, 3)


# --- audit --------------------------------------------------------------------------------------------------------


async def test_everything_is_audited_and_no_secret_is(world: IssuerWorld) -> None:
    """AD-13, LG-21."""
    made = await create_shop(world)
    world.clock.advance(SECOND)
    changed = await change(world, made.client, disabled=True)
    world.clock.advance(SECOND)
    rolled = await roll(world)
    world.clock.advance(SECOND)
    await end_secret(world, made.secret_id)
    world.clock.advance(SECOND)
    await delete(world, replace(changed, revision=4))

    events = await world.audited()

    assert [event.action for event in events] == [
        "client.created",
        "client.changed",
        "client.secret_rolled",
        "client.secret_deleted",
        "client.deleted",
    ]
    assert {event.target for event in events} == {"shop"}
    assert events[1].before == {"disabled": False}
    assert events[1].after == {"disabled": True}
    for secret in (made, rolled):
        digests = [held.digest.hex() for held in secret.client.secrets]
        assert not any(text in repr(events) for text in (secret.secret.reveal(), *digests))


# --- outages ------------------------------------------------------------------------------------------------------


async def test_without_the_record_nothing_is_changed(world: IssuerWorld) -> None:
    """AD-13: a write that cannot be audited is refused."""
    client = (await create_shop(world)).client

    with world.outages.mariadb:
        for attempt in (
            lambda: create(world, PUBLIC),
            lambda: change(world, client, disabled=True),
            lambda: roll(world),
            lambda: delete(world, client),
        ):
            with pytest.raises(Unavailable):
                await attempt()
        assert await found(world) == client

    assert await world.actions() == ["client.created"]


async def test_a_secret_is_shown_even_while_the_directory_is_away(world: IssuerWorld) -> None:
    """It can be shown now or never; the record knows it."""
    with world.outages.redis:
        made = await create_shop(world)
        new = await roll(world)
        assert await accepts(world, made.secret)
        assert await accepts(world, new.secret)

    await world.use.project_client.complete()

    with world.outages.mariadb:
        assert await accepts(world, new.secret)


async def test_what_ends_something_is_not_called_done_before_it_is(world: IssuerWorld) -> None:
    """AD-06."""
    made = await create_shop(world)
    client = made.client
    with world.outages.redis:
        with pytest.raises(RecordedNotInForce):
            await change(world, client, disabled=True)
        with pytest.raises(RecordedNotInForce):
            await roll(world, overlap=timedelta(0))
    assert not (await found(world)).disabled

    assert await world.use.project_client.complete() == 1

    assert (await found(world)).disabled
    assert not await accepts(world, made.secret)
    assert await world.use.project_client.complete() == 0


async def test_a_deletion_that_an_outage_cut_off_comes_into_force_by_itself(world: IssuerWorld) -> None:
    """ADR 0014."""
    client = (await create_shop(world)).client
    with world.outages.redis, pytest.raises(RecordedNotInForce):
        await delete(world, client)
    assert await found(world) == client

    await world.use.project_client.complete()

    assert await world.use.find_client("shop") is None


async def test_whoever_repeats_what_an_outage_cut_off_need_not_wait(world: IssuerWorld) -> None:
    client = (await create_shop(world)).client
    with world.outages.redis, pytest.raises(RecordedNotInForce):
        await delete(world, client)

    with pytest.raises(NotFound):
        await delete(world, client)

    assert await world.use.find_client("shop") is None


async def test_a_directory_that_lost_everything_is_loaded_again(world: IssuerWorld) -> None:
    client = (await create_shop(world)).client
    gone = await create(world, PUBLIC)
    assert isinstance(gone, Client)
    await delete(world, gone)
    assert await world.use.load_read_models.step() is True
    assert await world.use.load_read_models.step() is False
    empty = MemoryClientDirectory()
    load = LoadReadModels(
        world.record, world.roles, empty, world.api_keys, world.feed, world.use.revocations, world.clock
    )

    assert await load.step() is True

    assert await load.step() is False
    find = FindClient({}, empty, world.record)
    with world.outages.mariadb:
        assert await find("shop") == client
        assert await find("phone") is None
