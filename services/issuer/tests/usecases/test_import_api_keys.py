"""Keys that move in from another system."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from issuer_world import CALLER, IssuerWorld
from paseport_issuer.use_cases.change_api_key import ChangeApiKeyCommand
from paseport_issuer.use_cases.import_api_keys import (
    ForeignKey,
    ImportApiKeysCommand,
    ImportedKey,
    ImportOutcome,
)
from paseport_issuer.use_cases.key_manager import KeyManager
from paseport_issuer.use_cases.revoke_api_key import RevokeApiKeyCommand
from paseport_shared.domain.errors import (
    BuiltInAccount,
    NotFound,
    ReauthenticationRequired,
    RecordedNotInForce,
    Unavailable,
    ValidationFailed,
)
from paseport_shared.domain.models.api_key import ApiKey, ApiKeyQuery
from paseport_shared.domain.models.api_key_rules import MAX_KEYS_PER_OWNER
from paseport_shared.domain.models.rate_limit import RateLimit
from paseport_shared.domain.models.user import User, UserQuery

CREATED, PRESENT, REVOKED = ImportOutcome.CREATED, ImportOutcome.PRESENT, ImportOutcome.REVOKED


def digest_of(number: int) -> str:
    return hashlib.sha256(f"token {number} and pepper".encode()).hexdigest()


def a_key(world: IssuerWorld, number: int = 1, **changes: object) -> ForeignKey:
    key = ForeignKey(
        digest=digest_of(number),
        name=f"till {number}",
        comment="of the shop",
        email="shop@example.com",
        hosts=("App.example.com",),
        rate_limit=RateLimit(10, timedelta(minutes=1)),
        expires_at=world.clock.now() + timedelta(days=30),
    )
    return replace(key, **changes)  # type: ignore[arg-type] - a test may change any field


@pytest.fixture
async def root(world: IssuerWorld) -> KeyManager:
    """An administrator who signed in just now."""
    user = await world.add_user("root", roles=("Admin",))
    return KeyManager(user.id, CALLER.acting_as(str(user.id), "cli"), is_admin=True, auth_time=world.clock.now())


@pytest.fixture
async def shop(world: IssuerWorld) -> User:
    return await world.add_user("shop")


async def bring(world: IssuerWorld, owner: User, manager: KeyManager, *keys: ForeignKey) -> tuple[ImportedKey, ...]:
    return await world.use.import_api_keys(ImportApiKeysCommand(owner.id, keys, manager))


async def stored(world: IssuerWorld) -> dict[str, ApiKey]:
    """The keys on record by their digest."""
    page = await world.record.transact(lambda transaction: transaction.api_keys.page(ApiKeyQuery(limit=1_000)))
    return {key.legacy_digest or "": key for key in page.items}


async def test_an_imported_key_is_found_by_its_digest_where_decisions_look(
    world: IssuerWorld, root: KeyManager, shop: User
) -> None:
    (imported,) = await bring(world, shop, root, a_key(world))

    found = await world.api_keys.find_legacy(digest_of(1))
    assert found is not None
    assert (imported.outcome, imported.key_id) == (CREATED, found.id)
    assert (found.owner_id, found.hosts, found.secrets) == (shop.id, ("app.example.com",), ())
    assert found.expires_at == world.clock.now() + timedelta(days=30)
    assert found.rate_limit == RateLimit(10, timedelta(minutes=1))
    key = (await stored(world))[digest_of(1)]
    assert (key.name, key.comment, key.email) == ("till 1", "of the shop", "shop@example.com")


async def test_each_key_leaves_an_audit_event_without_its_digest(
    world: IssuerWorld, root: KeyManager, shop: User
) -> None:
    """AD-13."""
    imported = await bring(world, shop, root, a_key(world, 1), a_key(world, 2))

    events = [event for event in await world.audited() if event.action == "api_key.imported"]
    assert {event.target for event in events} == {one.key_id for one in imported}
    assert {event.actor.subject for event in events} == {str(root.user_id)}
    assert {event.after["owner"] for event in events} == {str(shop.id)}
    assert digest_of(1) not in str(events)


async def test_repeating_an_import_changes_nothing(world: IssuerWorld, root: KeyManager, shop: User) -> None:
    """Whatever was changed since stays, and so does whose it is."""
    (first,) = await bring(world, shop, root, a_key(world))
    assert first.key_id is not None
    changes = {"name": "renamed", "disabled": True}
    await world.use.change_api_key(ChangeApiKeyCommand(first.key_id, shop.id, 1, changes, root))
    before, events = await stored(world), len(await world.audited())

    other = await world.add_user("other")
    created = len(await world.audited()) - events
    again = await bring(world, other, root, a_key(world), a_key(world, 2))

    assert [(one.outcome, one.key_id == first.key_id) for one in again] == [(PRESENT, True), (CREATED, False)]
    assert (await stored(world))[digest_of(1)] == before[digest_of(1)]
    assert len(await world.audited()) == events + created + 1


async def test_a_key_that_was_revoked_since_stays_revoked(world: IssuerWorld, root: KeyManager, shop: User) -> None:
    """FA-16."""
    (imported,) = await bring(world, shop, root, a_key(world))
    assert imported.key_id is not None
    await world.use.revoke_api_key(RevokeApiKeyCommand(imported.key_id, shop.id, 1, root))

    again = await bring(world, shop, root, a_key(world))

    assert again == (ImportedKey(digest_of(1), REVOKED),)
    assert await world.api_keys.find_legacy(digest_of(1)) is None
    assert await stored(world) == {}


async def test_a_rehearsal_says_all_and_changes_nothing(world: IssuerWorld, root: KeyManager, shop: User) -> None:
    (known, revoked) = await bring(world, shop, root, a_key(world, 1), a_key(world, 2))
    assert revoked.key_id is not None
    await world.use.revoke_api_key(RevokeApiKeyCommand(revoked.key_id, shop.id, 1, root))
    before, events = await stored(world), await world.audited()

    keys = tuple(a_key(world, number) for number in (1, 2, 3))
    said = await world.use.import_api_keys(ImportApiKeysCommand(shop.id, keys, root, is_rehearsal=True))

    assert said == (
        ImportedKey(digest_of(1), PRESENT, known.key_id),
        ImportedKey(digest_of(2), REVOKED),
        ImportedKey(digest_of(3), CREATED),
    )
    assert await stored(world) == before
    assert await world.audited() == events
    assert await world.api_keys.find_legacy(digest_of(3)) is None


async def test_all_keys_of_a_request_are_taken_or_none(world: IssuerWorld, root: KeyManager, shop: User) -> None:
    """Every problem is named at once, with the key that it is of."""
    past = world.clock.now() - timedelta(seconds=1)
    with pytest.raises(ValidationFailed) as refused:
        await bring(
            world,
            shop,
            root,
            a_key(world, 0),
            a_key(world, 1, hosts=("no host", "*")),
            a_key(world, 2, expires_at=past, email="none"),
            a_key(world, 3, name="", roles=frozenset({"Admin"}), scopes=("account",)),
        )

    assert {problem.field for problem in refused.value.problems} == {
        "keys.1.hosts",
        "keys.2.expires_at",
        "keys.2.email",
        "keys.3.name",
        "keys.3.roles",
        "keys.3.scopes",
    }
    assert await stored(world) == {}


@pytest.mark.parametrize("digest", ["", "A" * 64, "a" * 63, "a" * 65, "g" * 64, "a" * 64 + "\n"])
async def test_what_is_no_digest_is_refused(world: IssuerWorld, root: KeyManager, shop: User, digest: str) -> None:
    with pytest.raises(ValidationFailed):
        await bring(world, shop, root, a_key(world, digest=digest))


async def test_one_digest_twice_is_refused(world: IssuerWorld, root: KeyManager, shop: User) -> None:
    with pytest.raises(ValidationFailed):
        await bring(world, shop, root, a_key(world), a_key(world, name="the same"))


async def test_whoever_is_not_there_or_is_built_in_gets_none(world: IssuerWorld, root: KeyManager) -> None:
    nobody = await world.add_user("nobody")
    built_in = replace(nobody, id=(await built_in_account(world)).id)
    missing = replace(nobody, id=UUID(int=1))

    with pytest.raises(NotFound):
        await bring(world, missing, root, a_key(world))
    with pytest.raises(BuiltInAccount):
        await bring(world, built_in, root, a_key(world))


async def built_in_account(world: IssuerWorld) -> User:
    await world.use.ensure_accounts(email=None, password=None, with_cli=True)
    page = await world.record.transact(lambda transaction: transaction.users.page(UserQuery()))
    return next(user for user in page.items if user.built_in)


async def test_keys_that_never_end_or_administer_need_a_fresh_sign_in(
    world: IssuerWorld, root: KeyManager, shop: User
) -> None:
    """AD-14."""
    await bring(world, shop, root, a_key(world, 1, expires_at=None))
    world.clock.advance(timedelta(minutes=16))
    stale = root

    await bring(world, shop, stale, a_key(world, 2))
    with pytest.raises(ReauthenticationRequired):
        await bring(world, shop, stale, a_key(world, 3, expires_at=None))

    assert set(await stored(world)) == {digest_of(1), digest_of(2)}


async def test_an_owner_may_have_more_imported_keys_than_they_could_make(
    world: IssuerWorld, root: KeyManager, shop: User
) -> None:
    keys = [a_key(world, number) for number in range(MAX_KEYS_PER_OWNER + 20)]

    imported = await bring(world, shop, root, *keys)

    assert {one.outcome for one in imported} == {CREATED}
    assert len(await stored(world)) == len(keys)


async def test_while_the_directory_is_away_the_keys_are_recorded_and_follow(
    world: IssuerWorld, root: KeyManager, shop: User
) -> None:
    """Design §5: recorded, not in force; repeating it completes it."""
    with world.outages.redis, pytest.raises(RecordedNotInForce):
        await bring(world, shop, root, a_key(world))
    assert await world.api_keys.find_legacy(digest_of(1)) is None

    again = await bring(world, shop, root, a_key(world))

    assert [one.outcome for one in again] == [PRESENT]
    assert await world.api_keys.find_legacy(digest_of(1)) is not None


async def test_without_the_record_nothing_is_imported(world: IssuerWorld, root: KeyManager, shop: User) -> None:
    """AD-13: a write that cannot be audited is refused."""
    with world.outages.mariadb, pytest.raises(Unavailable):
        await bring(world, shop, root, a_key(world))

    assert await stored(world) == {}
    assert await world.api_keys.find_legacy(digest_of(1)) is None
