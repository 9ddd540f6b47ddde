"""API keys at the issuer: owners, administrators, and outages in the middle of a change."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from issuer_world import ADMIN_ACTOR, IssuerWorld
from paseport.revocation import RevocationKind
from paseport.secret import Secret
from paseport_issuer.use_cases.change_api_key import ChangeApiKeyCommand
from paseport_issuer.use_cases.change_user import ChangeUserCommand, UserChange
from paseport_issuer.use_cases.create_api_key import CreateApiKeyCommand, Expiry, MakeSecret, NewApiKey
from paseport_issuer.use_cases.delete_user import DeleteUserCommand
from paseport_issuer.use_cases.ensure_accounts import CLI_ACCOUNT_ID
from paseport_issuer.use_cases.key_manager import KeyManager
from paseport_issuer.use_cases.revoke_api_key import RevokeApiKeyCommand
from paseport_issuer.use_cases.rotate_api_key import RotateApiKeyCommand
from paseport_shared.domain.errors import (
    AlreadyExists,
    BuiltInAccount,
    NotFound,
    PreconditionFailed,
    ReauthenticationRequired,
    RecordedNotInForce,
    TooManySecrets,
    Unavailable,
    ValidationFailed,
)
from paseport_shared.domain.models.api_key import (
    SCANNER_PATTERN,
    ApiKey,
    ApiKeyPeppers,
    ApiKeyQuery,
    DeletedApiKey,
    parse_api_key,
)
from paseport_shared.domain.models.api_key_rules import DEFAULT_LIFETIME, MAX_KEYS_PER_OWNER, MAX_LIFETIME
from paseport_shared.domain.models.audit import Actor
from paseport_shared.domain.models.rate_limit import RateLimit
from paseport_shared.domain.models.user import User
from paseport_shared.domain.ports.record import RecordTransaction

HOUR = timedelta(hours=1)


@pytest.fixture
async def alice(world: IssuerWorld) -> User:
    return await world.add_user("alice", roles=("User", "Editor"))


@pytest.fixture
async def root(world: IssuerWorld) -> User:
    return await world.add_user("root", roles=("User", "Admin"))


def manager(world: IssuerWorld, user: User, *, is_admin: bool = False, signed_in: timedelta = HOUR * 0) -> KeyManager:
    """Return a user who signed in so long ago."""
    return KeyManager(user.id, Actor(str(user.id), "bff"), is_admin, world.clock.now() - signed_in)


async def make(
    world: IssuerWorld,
    owner: User,
    by: KeyManager | None = None,
    expiry: Expiry = DEFAULT_LIFETIME,
    **values: Any,
) -> NewApiKey:
    """Create a key for ``owner``, who does it where nobody else is named."""
    by = by or manager(world, owner)
    return await world.use.create_api_key(CreateApiKeyCommand(owner.id, {"name": "a key", **values}, by, expiry))


async def change(world: IssuerWorld, key: ApiKey, by: KeyManager, **values: Any) -> ApiKey:
    """Change a key as it was read."""
    command = ChangeApiKeyCommand(key.id, key.owner_id, key.revision, values, by)
    return (await world.use.change_api_key(command)).key


async def revoke(world: IssuerWorld, key: ApiKey, by: KeyManager) -> None:
    """Revoke a key as it was read."""
    await world.use.revoke_api_key(RevokeApiKeyCommand(key.id, key.owner_id, key.revision, by))


async def recorded_key(world: IssuerWorld, key_id: str) -> object:
    """Return what the record has of a key."""

    async def read(transaction: RecordTransaction) -> object:
        return await transaction.api_keys.find_entry(key_id)

    return await world.record.transact(read)


async def opens(world: IssuerWorld, text: Secret[str]) -> bool:
    """Whether the text of a key is one by what the directory has, at this moment."""
    presented = parse_api_key(text.reveal())
    assert presented is not None
    key = await world.api_keys.find(presented.id)
    return key is not None and key.live_secret(presented, world.settings.api_key_peppers, world.clock.now()) is not None


async def is_current(world: IssuerWorld, key_id: str, revision: int) -> bool:
    """Whether a verifier that knows this revision of a key, and follows the feed, may go by it."""
    await world.follow()
    return world.use.revocations.is_current(key_id, revision)


def fields_of(refused: ValidationFailed) -> list[tuple[str, str]]:
    """Return which fields were refused, and why."""
    return [(problem.field, problem.code) for problem in refused.problems]


# --- creating ---------------------------------------------------------------------------------------------------------


async def test_a_new_key_opens_at_once_and_only_a_digest_of_it_is_kept(world: IssuerWorld, alice: User) -> None:
    """FA-16: stored hashed, shown once."""
    made = await make(world, alice, hosts=("app.example.com",), roles=frozenset({"Editor"}))

    text = made.text.reveal()
    assert await opens(world, made.text)
    assert made.owned.username == "alice"
    assert made.owned.key.expires_at == world.clock.now() + timedelta(days=90)
    held = await recorded_key(world, made.owned.key.id)
    assert isinstance(held, ApiKey)
    assert held == made.owned.key
    secret = text.split("_")[2]
    assert secret not in repr(held)
    assert secret not in msgspec.json.encode([msgspec.to_builtins(e) for e in await world.audited()]).decode()
    assert secret not in repr(made)


async def test_a_key_is_made_under_the_newest_pepper_and_old_ones_open_while_theirs_is_there(
    world: IssuerWorld, alice: User
) -> None:
    old = await make(world, alice)
    peppers = ApiKeyPeppers({1: Secret(b"pepper-of-at-least-32-characters-0123456789"), 2: Secret(b"n" * 32)})
    text, held = MakeSecret(peppers, world.randomness)("0" * 16, world.clock.now())
    presented_old, presented_new = parse_api_key(old.text.reveal()), parse_api_key(text.reveal())

    assert presented_old is not None
    assert presented_new is not None
    assert held.pepper_version == 2
    assert peppers.fits(presented_new, held)
    assert peppers.fits(presented_old, old.owned.key.secrets[0])
    assert not ApiKeyPeppers({2: Secret(b"n" * 32)}).fits(presented_old, old.owned.key.secrets[0])


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"name": ""}, ("name", "length")),
        ({"name": "x" * 65}, ("name", "length")),
        ({"name": "a\x1bb"}, ("name", "characters")),
        ({"comment": "x" * 501}, ("comment", "length")),
        ({"comment": "a\x00b"}, ("comment", "characters")),
        ({"email": "nobody"}, ("email", "format")),
        ({"roles": frozenset({"no role"})}, ("roles", "format")),
        ({"roles": frozenset({"Auditor"})}, ("roles", "not_held")),
        ({"roles": frozenset(f"R{n}" for n in range(33))}, ("roles", "too_many")),
        ({"scopes": ("admin",)}, ("scopes", "reserved")),
        ({"scopes": ("account",)}, ("scopes", "reserved")),
        ({"scopes": ("offline_access",)}, ("scopes", "reserved")),
        ({"scopes": ("Reports",)}, ("scopes", "format")),
        ({"scopes": ("a b",)}, ("scopes", "format")),
        ({"scopes": ("x" * 65,)}, ("scopes", "format")),
        ({"scopes": tuple(f"s{n}" for n in range(51))}, ("scopes", "too_many")),
        ({"hosts": ("*",)}, ("hosts", "format")),
        ({"hosts": ("*.com",)}, ("hosts", "format")),
        ({"hosts": ("app.example.com:8443",)}, ("hosts", "format")),
        ({"hosts": ("https://app.example.com",)}, ("hosts", "format")),
        ({"hosts": tuple(f"h{n}.example.com" for n in range(51))}, ("hosts", "too_many")),
        ({"paths": ("reports",)}, ("paths", "format")),
        ({"paths": ("/a/../b",)}, ("paths", "format")),
        ({"paths": ("/a?b",)}, ("paths", "format")),
        ({"paths": ("/a%2fb",)}, ("paths", "format")),
        ({"paths": ("",)}, ("paths", "format")),
        ({"paths": ("/api/*",)}, ("paths", "wildcard")),
        ({"methods": frozenset({"get"})}, ("methods", "unknown")),
        ({"methods": frozenset({"CONNECT"})}, ("methods", "unknown")),
        ({"networks": ("10.0.0.1/8",)}, ("cidrs", "format")),
        ({"networks": ("everywhere",)}, ("cidrs", "format")),
        ({"networks": ("::ffff:10.0.0.0/104",)}, ("cidrs", "mapped")),
        ({"rate_limit": RateLimit(0, timedelta(seconds=1))}, ("rate_limit.count", "range")),
        ({"rate_limit": RateLimit(1_000_001, timedelta(seconds=1))}, ("rate_limit.count", "range")),
        ({"rate_limit": RateLimit(1, timedelta(0))}, ("rate_limit.window_seconds", "range")),
        ({"rate_limit": RateLimit(1, timedelta(days=1, seconds=1))}, ("rate_limit.window_seconds", "range")),
    ],
)
async def test_what_no_key_may_be_is_refused_with_a_reason(
    world: IssuerWorld, alice: User, values: Mapping[str, Any], problem: tuple[str, str]
) -> None:
    with pytest.raises(ValidationFailed) as refused:
        await make(world, alice, **values)

    assert problem in fields_of(refused.value)
    assert (await world.use.read_api_keys.page_of(alice.id, ApiKeyQuery())).total == 0


async def test_everything_that_is_wrong_is_said_at_once(world: IssuerWorld, alice: User) -> None:
    with pytest.raises(ValidationFailed) as refused:
        await make(world, alice, name="", hosts=("*",), scopes=("admin",), expiry=timedelta(0))

    assert [field for field, _ in fields_of(refused.value)] == ["name", "scopes", "hosts", "expires_at"]


@pytest.mark.parametrize("expiry", [timedelta(0), timedelta(seconds=-1), MAX_LIFETIME + timedelta(seconds=1)])
async def test_a_key_ends_in_the_future_and_within_ten_years(
    world: IssuerWorld, alice: User, expiry: timedelta
) -> None:
    with pytest.raises(ValidationFailed) as refused:
        await make(world, alice, expiry=expiry)
    longest = await make(world, alice, expiry=MAX_LIFETIME)

    assert fields_of(refused.value) == [("expires_at", "range")]
    assert longest.owned.key.expires_at == world.clock.now() + MAX_LIFETIME


async def test_only_an_administrator_makes_a_key_that_never_expires(
    world: IssuerWorld, alice: User, root: User
) -> None:
    with pytest.raises(ValidationFailed) as refused:
        await make(world, alice, expiry=None)
    made = await make(world, alice, manager(world, root, is_admin=True), expiry=None)

    assert fields_of(refused.value) == [("never_expires", "admin_only")]
    assert made.owned.key.expires_at is None


async def test_an_administrator_gives_no_role_that_the_owner_does_not_hold(
    world: IssuerWorld, alice: User, root: User
) -> None:
    """AD-03."""
    with pytest.raises(ValidationFailed) as refused:
        await make(world, alice, manager(world, root, is_admin=True), roles=frozenset({"Admin"}))

    assert fields_of(refused.value) == [("roles", "not_held")]


async def test_the_admin_role_needs_a_sign_in_that_covers_administration(world: IssuerWorld, root: User) -> None:
    """Design §3: a token is never worth more than its scope, so the key that it makes is not either."""
    admin = frozenset({"Admin"})
    with pytest.raises(ValidationFailed) as refused:
        await make(world, root, manager(world, root), roles=admin)
    made = await make(world, root, manager(world, root, is_admin=True), roles=admin)

    assert fields_of(refused.value) == [("roles", "admin_only")]
    assert made.owned.key.roles == admin


async def test_a_sensitive_key_needs_a_fresh_sign_in(world: IssuerWorld, root: User) -> None:
    """AD-14: never expiring, or with the role Admin; making it, rotating it, and giving it anything."""
    stale, fresh = (manager(world, root, is_admin=True, signed_in=timedelta(minutes=age)) for age in (16, 14))
    nobody = KeyManager(root.id, stale.actor, is_admin=True, auth_time=None)
    for by in (stale, nobody):
        with pytest.raises(ReauthenticationRequired):
            await make(world, root, by, expiry=None)
        with pytest.raises(ReauthenticationRequired):
            await make(world, root, by, roles=frozenset({"Admin"}))
    plain = (await make(world, root, stale)).owned.key
    for values in ({"expires_at": None}, {"roles": frozenset({"Admin"})}):
        with pytest.raises(ReauthenticationRequired):
            await change(world, plain, stale, **values)
    key = await change(world, plain, fresh, roles=frozenset({"Admin"}))
    with pytest.raises(ReauthenticationRequired):
        await change(world, key, stale, hosts=("app.example.com",))
    with pytest.raises(ReauthenticationRequired):
        await world.use.rotate_api_key(RotateApiKeyCommand(key.id, root.id, stale))

    # What takes away, or says something about it, waits for nothing.
    key = await change(world, key, stale, comment="of the backup job")
    key = await change(world, key, stale, disabled=True)
    with pytest.raises(ReauthenticationRequired):
        await change(world, key, stale, disabled=False)
    await revoke(world, key, stale)


async def test_nobody_has_more_than_a_hundred_keys_however_many_are_asked_for_at_once(
    world: IssuerWorld, alice: User
) -> None:
    for _ in range(MAX_KEYS_PER_OWNER - 1):
        await make(world, alice)

    outcomes = await asyncio.gather(*(make(world, alice) for _ in range(5)), return_exceptions=True)

    made = [outcome for outcome in outcomes if isinstance(outcome, NewApiKey)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, ValidationFailed)]
    assert (len(made), len(refused)) == (1, 4)
    assert fields_of(refused[0]) == [("owner", "too_many_keys")]
    await revoke(world, made[0].owned.key, manager(world, alice))
    await make(world, alice)


async def test_no_two_that_ask_a_database_at_once_get_past_the_limit(recorded: IssuerWorld) -> None:
    """AD-09: on MariaDB, where requests really run side by side."""
    alice = await recorded.add_user("alice")
    first = (await make(recorded, alice)).owned.key

    async def fill(transaction: RecordTransaction) -> None:
        for number in range(MAX_KEYS_PER_OWNER - 3):
            await transaction.api_keys.add(replace(first, id=f"{number:016}"))

    await recorded.record.transact(fill)
    outcomes = await asyncio.gather(*(make(recorded, alice) for _ in range(8)), return_exceptions=True)

    made = [outcome for outcome in outcomes if isinstance(outcome, NewApiKey)]
    assert {type(outcome) for outcome in outcomes} <= {NewApiKey, ValidationFailed, Unavailable}
    assert 1 <= len(made) <= 2
    page = await recorded.use.read_api_keys.page_of(alice.id, ApiKeyQuery())
    assert page.total == MAX_KEYS_PER_OWNER - 2 + len(made)


async def test_of_two_changes_of_one_revision_a_database_takes_one(recorded: IssuerWorld) -> None:
    """RFC 9110 §13.1.1."""
    alice = await recorded.add_user("alice")
    key = (await make(recorded, alice)).owned.key
    by = manager(recorded, alice)

    outcomes = await asyncio.gather(
        *(change(recorded, key, by, name=f"name {number}") for number in range(5)), return_exceptions=True
    )

    (changed,) = [outcome for outcome in outcomes if isinstance(outcome, ApiKey)]
    assert {type(outcome) for outcome in outcomes} <= {ApiKey, PreconditionFailed, Unavailable}
    assert await recorded_key(recorded, key.id) == changed


async def test_the_built_in_account_and_nobody_have_no_keys(world: IssuerWorld, root: User) -> None:
    await world.use.ensure_accounts(email="admin@example.com", password=None, with_cli=True)
    by = manager(world, root, is_admin=True)

    with pytest.raises(BuiltInAccount):
        await world.use.create_api_key(CreateApiKeyCommand(CLI_ACCOUNT_ID, {"name": "x"}, by))
    with pytest.raises(NotFound):
        await world.use.create_api_key(CreateApiKeyCommand(root.id.__class__(int=7), {"name": "x"}, by))


async def test_a_new_key_is_shown_though_the_directory_is_away_and_opens_once_it_is_back(
    world: IssuerWorld, alice: User
) -> None:
    with world.outages.redis:
        made = await make(world, alice)
    found_before = await world.api_keys.find(made.owned.key.id)

    await world.use.project_api_key.complete()

    assert found_before is None
    assert await opens(world, made.text)


# --- changing ---------------------------------------------------------------------------------------------------------


async def test_a_change_is_in_force_everywhere_once_it_is_answered(world: IssuerWorld, alice: User) -> None:
    """P2: what verifiers know of an older revision does not count any more."""
    made = await make(world, alice)

    changed = await change(world, made.owned.key, manager(world, alice), hosts=("app.example.com",), disabled=True)

    found = await world.api_keys.find(changed.id)
    assert found is not None
    assert (found.hosts, found.disabled, found.revision) == (("app.example.com",), True, 2)
    assert not await is_current(world, changed.id, 1)
    assert await is_current(world, changed.id, 2)


async def test_the_revocation_is_on_record_with_the_change(world: IssuerWorld, alice: User) -> None:
    made = await make(world, alice)
    with world.outages.publishing:
        with pytest.raises(RecordedNotInForce):
            await change(world, made.owned.key, manager(world, alice), disabled=True)

        async def read(transaction: RecordTransaction) -> Any:
            return await transaction.revocations.in_force(world.clock.now())

        (revocation,) = [entry for entry in await world.record.transact(read) if entry.kind is RevocationKind.API_KEY]
        assert (revocation.subject, revocation.min_version) == (made.owned.key.id, 2)


async def test_what_an_outage_cut_off_is_completed_by_repeating_the_request_or_in_the_background(
    world: IssuerWorld, alice: User
) -> None:
    made = await make(world, alice)
    by = manager(world, alice)
    with world.outages.publishing, pytest.raises(RecordedNotInForce):
        await change(world, made.owned.key, by, disabled=True)
    stored = (await world.use.read_api_keys.one(made.owned.key.id, alice.id)).key

    await change(world, stored, by, disabled=True)
    assert not await is_current(world, stored.id, 1)

    with world.outages.redis, pytest.raises(RecordedNotInForce):
        await revoke(world, stored, by)
    assert await world.api_keys.find(stored.id) is not None
    with pytest.raises(NotFound):
        await revoke(world, stored, by)
    assert await world.api_keys.find(stored.id) is None


async def test_a_change_of_what_somebody_else_changed_is_refused(world: IssuerWorld, alice: User) -> None:
    made = await make(world, alice)
    by = manager(world, alice)
    await change(world, made.owned.key, by, name="mine")

    with pytest.raises(PreconditionFailed):
        await change(world, made.owned.key, by, name="yours")
    with pytest.raises(PreconditionFailed):
        await revoke(world, made.owned.key, by)


async def test_a_change_of_nothing_is_no_change(world: IssuerWorld, alice: User) -> None:
    made = await make(world, alice)

    same = await change(world, made.owned.key, manager(world, alice), name="a key")

    assert same == made.owned.key
    assert await world.actions() == ["user.created", "api_key.created"]


async def test_what_stays_is_not_asked_again(world: IssuerWorld, alice: User, root: User) -> None:
    """A key goes on though its owner lost a role since, or it has expired; only what changes has to be acceptable."""
    made = await make(world, alice, roles=frozenset({"Editor"}))
    demotion = UserChange(frozenset({"roles"}), roles=frozenset({"User"}))
    await world.use.change_user(ChangeUserCommand(alice.id, alice.revision, demotion, ADMIN_ACTOR))
    world.clock.advance(DEFAULT_LIFETIME)
    by = manager(world, alice)

    renamed = await change(world, made.owned.key, by, name="old")
    disabled = await change(world, renamed, by, disabled=True)
    with pytest.raises(ValidationFailed):
        await change(world, disabled, by, roles=frozenset({"Editor", "User"}))
    extended = await change(world, disabled, by, expires_at=timedelta(days=1))

    assert extended.expires_at == world.clock.now() + timedelta(days=1)
    assert extended.roles == {"Editor"}


# --- rotating ---------------------------------------------------------------------------------------------------------


async def test_a_rotation_leaves_the_old_key_live_for_so_long_and_no_longer(world: IssuerWorld, alice: User) -> None:
    made = await make(world, alice)
    command = RotateApiKeyCommand(made.owned.key.id, alice.id, manager(world, alice), HOUR)

    rotated = await world.use.rotate_api_key(command)
    assert await opens(world, made.text)
    assert await opens(world, rotated.text)
    with pytest.raises(TooManySecrets):
        await world.use.rotate_api_key(command)
    world.clock.advance(HOUR - timedelta(microseconds=1))
    assert await opens(world, made.text)
    world.clock.advance(timedelta(microseconds=1))
    assert not await opens(world, made.text)
    assert await opens(world, rotated.text)

    third = await world.use.rotate_api_key(command)
    assert len(third.owned.key.secrets) == 2
    assert rotated.owned.key.id == made.owned.key.id


async def test_after_a_leak_the_old_keys_end_at_once(world: IssuerWorld, alice: User) -> None:
    made = await make(world, alice)
    by = manager(world, alice)
    second = await world.use.rotate_api_key(RotateApiKeyCommand(made.owned.key.id, alice.id, by, HOUR))

    third = await world.use.rotate_api_key(RotateApiKeyCommand(made.owned.key.id, alice.id, by, HOUR * 0))

    assert [await opens(world, new.text) for new in (made, second, third)] == [False, False, True]
    assert not await is_current(world, made.owned.key.id, second.owned.key.revision)


async def test_a_leaked_key_is_said_to_live_on_where_not_everybody_could_hear_that_it_ended(
    world: IssuerWorld, alice: User
) -> None:
    made = await make(world, alice)
    by = manager(world, alice)
    with world.outages.publishing:
        beside = await world.use.rotate_api_key(RotateApiKeyCommand(made.owned.key.id, alice.id, by, HOUR))
        with pytest.raises(RecordedNotInForce):
            await world.use.rotate_api_key(RotateApiKeyCommand(made.owned.key.id, alice.id, by, HOUR * 0))

        assert beside.text.reveal() != made.text.reveal()


@pytest.mark.parametrize("overlap", [timedelta(seconds=-1), timedelta(hours=168, seconds=1)])
async def test_two_keys_are_live_for_a_week_at_most(world: IssuerWorld, alice: User, overlap: timedelta) -> None:
    made = await make(world, alice)

    with pytest.raises(ValidationFailed) as refused:
        await world.use.rotate_api_key(RotateApiKeyCommand(made.owned.key.id, alice.id, manager(world, alice), overlap))

    assert fields_of(refused.value) == [("overlap_hours", "range")]


async def test_a_key_of_another_system_is_replaced_and_not_rotated(world: IssuerWorld, alice: User) -> None:
    now = world.clock.now()
    key = ApiKey(
        id="L" * 16, owner_id=alice.id, name="old", legacy_digest="d" * 64, created_at=now, updated_at=now,
        expires_at=now + HOUR,
    )  # fmt: skip

    async def store(transaction: RecordTransaction) -> None:
        await transaction.api_keys.add(key)

    await world.record.transact(store)
    with pytest.raises(ValidationFailed) as refused:
        await world.use.rotate_api_key(RotateApiKeyCommand(key.id, alice.id, manager(world, alice)))

    assert fields_of(refused.value) == [("id", "legacy")]
    assert await world.use.resolve_api_key.find_legacy("d" * 64) == key
    assert await world.api_keys.find_legacy("d" * 64) is not None


# --- ending -----------------------------------------------------------------------------------------------------------


async def test_a_revoked_key_is_gone_and_stays_so(world: IssuerWorld, alice: User) -> None:
    made = await make(world, alice, comment="ada@example.com has it", email="ada@example.com")

    await revoke(world, made.owned.key, manager(world, alice))

    assert not await opens(world, made.text)
    assert not await is_current(world, made.owned.key.id, 1)
    assert isinstance(await recorded_key(world, made.owned.key.id), DeletedApiKey)
    with pytest.raises(NotFound):
        await world.use.read_api_keys.one(made.owned.key.id, alice.id)

    async def again(transaction: RecordTransaction) -> None:
        await transaction.api_keys.add(made.owned.key)

    with pytest.raises(AlreadyExists):
        await world.record.transact(again)


async def test_the_keys_of_somebody_who_is_deleted_are_gone(world: IssuerWorld, alice: User, root: User) -> None:
    """AD-07."""
    made = await make(world, alice)

    await world.use.delete_user(DeleteUserCommand(alice.id, alice.revision, ADMIN_ACTOR))

    assert not await opens(world, made.text)
    assert (await world.use.read_api_keys.page(ApiKeyQuery())).total == 0


# --- whose it is ------------------------------------------------------------------------------------------------------


async def test_somebody_elses_key_is_not_there(world: IssuerWorld, alice: User) -> None:
    """AD-05."""
    bob = await world.add_user("bob")
    key = (await make(world, alice)).owned.key
    by = manager(world, bob)

    with pytest.raises(NotFound):
        await world.use.read_api_keys.one(key.id, bob.id)
    with pytest.raises(NotFound):
        await world.use.change_api_key(ChangeApiKeyCommand(key.id, bob.id, 1, {"disabled": True}, by))
    with pytest.raises(NotFound):
        await world.use.rotate_api_key(RotateApiKeyCommand(key.id, bob.id, by))
    with pytest.raises(NotFound):
        await world.use.revoke_api_key(RevokeApiKeyCommand(key.id, bob.id, 1, by))
    assert await recorded_key(world, key.id) == key


async def test_administrators_find_keys_by_what_is_written_on_them_and_by_owner(
    world: IssuerWorld, alice: User
) -> None:
    bob = await world.add_user("bob")
    await make(world, alice, name="Backup")
    await make(world, alice, name="deploy", comment="backup of 100 %")
    await make(world, bob, name="deploy")
    read = world.use.read_api_keys

    async def found(search: str = "", owner: str = "") -> set[tuple[str, str]]:
        page = await read.page(ApiKeyQuery(search=search), owner)
        assert page.total == len(page.items)
        return {(item.key.name, item.username) for item in page.items}

    assert await found("backup") == {("Backup", "alice"), ("deploy", "alice")}
    assert await found("%") == {("deploy", "alice")}
    assert await found("BOB") == {("deploy", "bob")}
    for owner in ("bob", "bob@example.com", str(bob.id)):
        assert await found(owner=owner) == {("deploy", "bob")}
    assert await found(owner="nobody") == set()


# --- the record of it -------------------------------------------------------------------------------------------------


async def test_every_write_is_audited_with_what_it_changed_and_nothing_personal(
    world: IssuerWorld, alice: User, root: User
) -> None:
    """AD-13, DT-08."""
    by = manager(world, root, is_admin=True)
    made = await make(world, alice, by, comment="call Ada", email="ada@example.com", roles=frozenset({"User"}))
    world.clock.advance(timedelta(seconds=1))
    key = await change(world, made.owned.key, by, hosts=("app.example.com",), comment="call Bo")
    world.clock.advance(timedelta(seconds=1))
    rotated = await world.use.rotate_api_key(RotateApiKeyCommand(key.id, alice.id, by, HOUR))
    world.clock.advance(timedelta(seconds=1))
    await revoke(world, rotated.owned.key, by)

    events = [event for event in await world.audited() if event.target == key.id]
    created, changed, turned, revoked = events
    assert [event.action for event in events] == [
        "api_key.created", "api_key.changed", "api_key.rotated", "api_key.revoked",
    ]  # fmt: skip
    assert {event.actor for event in events} == {by.actor}
    assert (created.before, created.after["owner"], created.after["roles"]) == ({}, str(alice.id), ["User"])
    assert changed.before == {"hosts": []}
    assert changed.after == {"hosts": ["app.example.com"], "changed": ["comment"]}
    assert set(turned.before) == set(turned.after) == {"secrets"}
    assert (revoked.before["hosts"], revoked.after) == (["app.example.com"], {})
    written = repr(events)
    for secret in (made.text.reveal(), rotated.text.reveal()):
        assert secret.split("_")[2] not in written
    for digest in (held.digest for held in rotated.owned.key.secrets):
        assert digest.hex() not in written
        assert repr(digest) not in written
    assert "Ada" not in written
    assert "ada@" not in written


async def test_a_write_that_cannot_be_audited_is_refused(world: IssuerWorld, alice: User) -> None:
    """AD-13: nothing is stored, nothing is published."""
    made = await make(world, alice)
    by = manager(world, alice)
    key = made.owned.key
    with world.outages.mariadb:
        with pytest.raises(Unavailable):
            await make(world, alice)
        with pytest.raises(Unavailable):
            await change(world, key, by, disabled=True)
        with pytest.raises(Unavailable):
            await world.use.rotate_api_key(RotateApiKeyCommand(key.id, alice.id, by, HOUR * 0))
        with pytest.raises(Unavailable):
            await revoke(world, key, by)
    assert await recorded_key(world, key.id) == key
    assert await opens(world, made.text)


# --- whoever misses one -----------------------------------------------------------------------------------------------


async def test_a_miss_is_answered_from_the_record_and_repaired_on_the_way(world: IssuerWorld, alice: User) -> None:
    with world.outages.redis:
        made = await make(world, alice)
        asked = await world.use.resolve_api_key.find(made.owned.key.id)

    found = await world.use.resolve_api_key.find(made.owned.key.id)

    assert asked == found == made.owned.key
    assert await opens(world, made.text)
    assert await world.use.resolve_api_key.find("0" * 16) is None
    assert await world.use.resolve_api_key.find_legacy("0" * 64) is None


async def test_a_key_that_the_directory_lost_the_end_of_is_none_and_ends_there_too(
    world: IssuerWorld, alice: User
) -> None:
    made = await make(world, alice)
    with world.outages.redis, pytest.raises(RecordedNotInForce):
        await revoke(world, made.owned.key, manager(world, alice))

    assert await world.use.resolve_api_key.find(made.owned.key.id) is None
    assert not await opens(world, made.text)


# --- what is told to people -------------------------------------------------------------------------------------------


async def test_the_manual_says_what_keys_look_like(world: IssuerWorld, alice: User) -> None:
    manual = (Path(__file__).parents[4] / "docs" / "api-keys.md").read_text()
    text = (await make(world, alice)).text.reveal()
    (program,) = re.findall(r"```python\n(.*?)```", manual, re.DOTALL)
    scope: dict[str, Any] = {}
    exec(program, scope)  # noqa: S102 - it stands in our own manual

    assert manual.count(SCANNER_PATTERN) == 2
    assert scope["looks_real"](text)
    assert not scope["looks_real"](text[:-1] + ("0" if text[-1] != "0" else "1"))
