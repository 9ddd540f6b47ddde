"""Registered verifiers: who manages them, who is taken for one, and what an outage changes about it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from issuer_world import ADMIN_ACTOR, IssuerWorld, issuer_settings
from paseport.secret import Secret
from paseport_issuer.use_cases.authenticate_client import ClientCredentials
from paseport_issuer.use_cases.change_client import ChangeClientCommand
from paseport_issuer.use_cases.create_client import CreateClientCommand, NewSecret
from paseport_issuer.use_cases.create_verifier import CreateVerifierCommand
from paseport_issuer.use_cases.delete_client import DeleteClientCommand
from paseport_issuer.use_cases.find_client import COPY_SECONDS
from paseport_issuer.use_cases.roll_client_secret import DeleteClientSecretCommand, RollClientSecretCommand
from paseport_shared.domain.errors import (
    InvalidClient,
    NotFound,
    RecordedNotInForce,
    TooManyAttempts,
    TooManySecrets,
    Unavailable,
    ValidationFailed,
)
from paseport_shared.domain.models.client import Client, ClientAuthMethod, ClientKind
from paseport_shared.domain.models.client_registry import ClientQuery, is_client_id

AUDIENCE = "https://reports.example.com"
ADDRESS = "192.0.2.7"
SHOP = Client("shop", name="Shop", first_party=False, scope=(), audience="", auth_method=ClientAuthMethod.BASIC)


async def create(world: IssuerWorld, name: str = "Reports", audience: str = AUDIENCE) -> NewSecret:
    return await world.use.create_verifier(CreateVerifierCommand(name, audience, ADMIN_ACTOR))


async def create_shop(world: IssuerWorld) -> NewSecret:
    made = await world.use.create_client(CreateClientCommand(SHOP, ADMIN_ACTOR))
    assert isinstance(made, NewSecret)
    return made


async def revoke(world: IssuerWorld, verifier: Client) -> None:
    await world.use.revoke_verifier(DeleteClientCommand(verifier.client_id, verifier.revision, ADMIN_ACTOR))


async def roll(world: IssuerWorld, verifier: Client, overlap: timedelta = timedelta(days=1)) -> NewSecret:
    return await world.use.roll_verifier_secret(RollClientSecretCommand(verifier.client_id, ADMIN_ACTOR, overlap))


async def authenticate(
    world: IssuerWorld, client_id: str, secret: Secret[str], method: ClientAuthMethod = ClientAuthMethod.BASIC
) -> Client:
    return await world.use.authenticate_verifier(ClientCredentials(client_id, method, secret), ADDRESS)


async def accepts(world: IssuerWorld, made: NewSecret) -> bool:
    try:
        return (await authenticate(world, made.client.client_id, made.secret)).client_id == made.client.client_id
    except InvalidClient:
        return False


# --- registering --------------------------------------------------------------------------------------------------


async def test_a_new_verifier_has_a_name_one_audience_and_a_secret_and_nothing_of_a_client(world: IssuerWorld) -> None:
    made = await create(world)

    verifier = await authenticate(world, made.client.client_id, made.secret)

    assert verifier == made.client == await world.use.read_verifiers.one(made.client.client_id)
    assert (verifier.name, verifier.audience, verifier.kind) == ("Reports", AUDIENCE, ClientKind.VERIFIER)
    assert (verifier.grants, verifier.scope, verifier.redirect_uris, verifier.audiences) == (frozenset(), (), (), ())
    assert not verifier.first_party
    assert is_client_id(verifier.client_id)


async def test_each_verifier_gets_an_id_of_its_own_that_nobody_chose(world: IssuerWorld) -> None:
    ids = {(await create(world, name="Reports")).client.client_id for _ in range(3)}

    assert len(ids) == 3
    assert not ids & {"feed", "principals"}


@pytest.mark.parametrize(
    ("name", "audience", "fields"),
    [
        (" ", AUDIENCE, {"name"}),
        ("Re\u202eports", AUDIENCE, {"name"}),
        ("Reports", "", {"audience"}),
        ("Reports", "reports", {"audience"}),
        ("Reports", "https://*.example.com", {"audience"}),
        ("Reports", "https://reports.example.com#x", {"audience"}),
        ("Reports", "https://auth.example.com", {"audience"}),
        ("Reports", "https://auth.example.com/api", {"audience"}),
        ("", "https://auth.example.com/userinfo", {"name", "audience"}),
    ],
)
async def test_what_a_verifier_cannot_be_is_named_all_at_once(
    world: IssuerWorld, name: str, audience: str, fields: set[str]
) -> None:
    """Nobody but the issuer takes the tokens that are keys to the issuer."""
    with pytest.raises(ValidationFailed) as refusal:
        await create(world, name, audience)

    assert {problem.field for problem in refusal.value.problems} == fields
    assert (await world.use.read_verifiers.page(ClientQuery())).total == 0


# --- managing -----------------------------------------------------------------------------------------------------


async def test_whoever_manages_clients_meets_no_verifier_and_the_other_way_round(world: IssuerWorld) -> None:
    """AD-01."""
    verifier, shop = (await create(world)).client, (await create_shop(world)).client
    use = world.use

    clients = await use.read_clients.page(ClientQuery())
    verifiers = await use.read_verifiers.page(ClientQuery())

    assert [client.client_id for client in clients.items] == ["bff", "cli", "shop"]
    assert verifiers.items == (verifier,)
    for read, change, delete, secrets, stranger in (
        (use.read_clients, use.change_client, use.delete_client, use.roll_client_secret, verifier),
        (use.read_verifiers, use.change_verifier, use.revoke_verifier, use.roll_verifier_secret, shop),
    ):
        named = stranger.client_id
        for attempt in (
            read.one(named),
            change(ChangeClientCommand(named, 1, {"name": "Mine"}, ADMIN_ACTOR)),
            delete(DeleteClientCommand(named, 1, ADMIN_ACTOR)),
            secrets(RollClientSecretCommand(named, ADMIN_ACTOR)),
            secrets.delete(DeleteClientSecretCommand(named, stranger.secrets[0].id, ADMIN_ACTOR)),
        ):
            with pytest.raises(NotFound):
                await attempt
    assert await use.read_clients.one("shop") == shop
    assert await use.read_verifiers.one(verifier.client_id) == verifier


async def test_no_change_makes_a_verifier_a_client(world: IssuerWorld) -> None:
    """Whatever a caller of the use case names: the rules keep what a verifier has, and nothing else."""
    made = await create(world)
    forged = {"name": "Wiki", "scope": ("admin",), "first_party": True, "redirect_uris": ("https://evil.example/",)}

    changed = await world.use.change_verifier(ChangeClientCommand(made.client.client_id, 1, forged, ADMIN_ACTOR))

    assert (changed.name, changed.kind, changed.secrets) == ("Wiki", ClientKind.VERIFIER, made.client.secrets)
    assert (changed.scope, changed.first_party, changed.redirect_uris) == ((), False, ())
    assert await accepts(world, made)


async def test_while_a_secret_is_rolled_both_fit_and_there_are_never_three(world: IssuerWorld) -> None:
    old = await create(world)

    new = await roll(world, old.client)

    assert (await accepts(world, old), await accepts(world, new)) == (True, True)
    with pytest.raises(TooManySecrets):
        await roll(world, old.client)
    world.clock.advance(timedelta(days=1))
    assert (await accepts(world, old), await accepts(world, new)) == (False, True)
    newest = await roll(world, old.client, timedelta(0))
    assert (await accepts(world, new), await accepts(world, newest)) == (False, True)


async def test_everything_is_audited_and_no_secret_is(world: IssuerWorld) -> None:
    """AD-13, LG-21."""
    made = await create(world)
    world.clock.advance(timedelta(seconds=1))
    rolled = await roll(world, made.client)
    world.clock.advance(timedelta(seconds=1))
    await revoke(world, rolled.client)

    events = await world.audited()

    assert [event.action for event in events] == ["verifier.created", "verifier.secret_rolled", "verifier.deleted"]
    assert {event.target for event in events} == {made.client.client_id}
    assert events[0].after.keys() == {"name", "audience", "secrets"}
    for secret in (made, rolled):
        digests = [held.digest.hex() for held in secret.client.secrets]
        assert not any(text in repr(events) for text in (secret.secret.reveal(), *digests))


# --- who is taken for a verifier ----------------------------------------------------------------------------------


async def test_unknown_wrong_and_revoked_are_one_refusal(world: IssuerWorld) -> None:
    """TE-05."""
    made, revoked = await create(world), await create(world, "Gone")
    shop = await create_shop(world)
    await revoke(world, revoked.client)
    known = made.client.client_id

    for client_id, secret in (
        ("nobody", made.secret),
        (known, Secret("wrong")),
        (known, Secret("")),
        (revoked.client.client_id, revoked.secret),
        ("shop", shop.secret),
        ("bff", world.settings.bff_client_secret),
        (known, shop.secret),
    ):
        with pytest.raises(InvalidClient):
            await authenticate(world, client_id, secret)
    for method in (ClientAuthMethod.POST, ClientAuthMethod.NONE):
        with pytest.raises(InvalidClient):
            await authenticate(world, known, made.secret, method)
    with pytest.raises(InvalidClient):
        await world.use.authenticate_verifier(None, ADDRESS)


async def test_a_verifier_is_no_client(world: IssuerWorld) -> None:
    """It gets no token ever: at every OAuth endpoint it is unknown."""
    made = await create(world)
    credentials = ClientCredentials(made.client.client_id, ClientAuthMethod.BASIC, made.secret)

    assert await world.use.find_client(made.client.client_id) is None
    with pytest.raises(InvalidClient):
        await world.use.authenticate_client(credentials)


async def test_an_address_that_goes_on_with_a_wrong_credential_is_told_to_wait_and_its_neighbours_are_not(
    tmp_path: Path,
) -> None:
    """What was refused is counted, and nothing else."""
    world = IssuerWorld(tmp_path, issuer_settings(login_attempts_per_address=3))
    made = await create(world)

    for _ in range(3):
        with pytest.raises(InvalidClient):
            await authenticate(world, made.client.client_id, Secret("wrong"))
    with pytest.raises(TooManyAttempts):
        await authenticate(world, made.client.client_id, Secret("wrong"))

    assert await accepts(world, made)
    with pytest.raises(InvalidClient):
        await world.use.authenticate_verifier(None, "192.0.2.8")
    await world.close()


# --- outages ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["mariadb", "redis"])
async def test_a_verifier_is_known_while_either_store_is_away(world: IssuerWorld, backend: str) -> None:
    """FT-08: also one that was never here before."""
    made = await create(world)

    with getattr(world.outages, backend):
        assert await accepts(world, made)
        with pytest.raises(InvalidClient):
            await authenticate(world, made.client.client_id, Secret("wrong"))


async def test_with_both_away_one_that_was_here_just_now_is_known_for_a_minute(world: IssuerWorld) -> None:
    seen, never_seen = await create(world), await create(world, "Wiki")
    assert await accepts(world, seen)

    with world.outages.mariadb, world.outages.redis:
        world.clock.advance(timedelta(seconds=COPY_SECONDS))
        assert await accepts(world, seen)
        with pytest.raises(InvalidClient):
            await authenticate(world, seen.client.client_id, Secret("wrong"))
        with pytest.raises(Unavailable):
            await accepts(world, never_seen)
        world.clock.advance(timedelta(seconds=1))
        with pytest.raises(Unavailable):
            await accepts(world, seen)


async def test_one_that_was_revoked_is_not_remembered(world: IssuerWorld) -> None:
    made = await create(world)
    assert await accepts(world, made)
    await revoke(world, made.client)
    assert not await accepts(world, made)

    with world.outages.mariadb, world.outages.redis, pytest.raises(Unavailable):
        await accepts(world, made)


async def test_a_revocation_is_not_called_done_before_it_is(world: IssuerWorld) -> None:
    """AD-06."""
    made = await create(world)

    with world.outages.redis, pytest.raises(RecordedNotInForce):
        await revoke(world, made.client)
    assert await accepts(world, made)  # as the answer said

    await world.use.project_client.complete()
    assert not await accepts(world, made)


async def test_without_the_record_nothing_is_changed(world: IssuerWorld) -> None:
    """AD-13."""
    made = await create(world)

    with world.outages.mariadb:
        for attempt in (create(world), roll(world, made.client), revoke(world, made.client)):
            with pytest.raises(Unavailable):
                await attempt

    assert await world.actions() == ["verifier.created"]
    assert await accepts(world, made)
