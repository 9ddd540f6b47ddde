"""Carrying changes of API keys to where decisions look, and uses of them back to the record."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import pytest
from contracts.api_key_samples import LEGACY_DIGEST, a_full_key, a_key, a_key_id, as_decisions_need_it, changed
from issuer_world import ADMIN_ACTOR, IssuerWorld
from paseport.revocation import Revocation, RevocationKind
from paseport_issuer.use_cases import load_read_models, record_api_key_uses
from paseport_issuer.use_cases.delete_user import DeleteUserCommand
from paseport_issuer.use_cases.load_read_models import LoadReadModels
from paseport_issuer.use_cases.project_api_key import ProjectApiKey
from paseport_issuer.use_cases.record_api_key_uses import RecordApiKeyUses
from paseport_shared.adapters.memory.api_key_directory import MemoryApiKeyDirectory
from paseport_shared.adapters.memory.api_key_usage import MemoryApiKeyUsage
from paseport_shared.domain.errors import LastAdmin, NotFound, RecordedNotInForce, Unavailable
from paseport_shared.domain.models.api_key import ApiKey, ApiKeyEntry, ApiKeyUse, DeletedApiKey
from paseport_shared.domain.models.user import User
from paseport_shared.domain.ports.record import RecordTransaction

HOUR = timedelta(hours=1)


async def add(world: IssuerWorld, *keys: ApiKey) -> None:
    """Put keys on record, as whoever makes one does, and carry none of them."""

    async def work(transaction: RecordTransaction) -> None:
        for key in keys:
            await transaction.api_keys.add(key)

    await world.record.transact(work)


async def change(world: IssuerWorld, key: ApiKey) -> ApiKeyEntry:
    """Put a change on record, as whoever makes one does, and do not carry it."""

    async def work(transaction: RecordTransaction) -> None:
        await transaction.api_keys.update(key, key.revision - 1)
        await world.use.project_api_key.due(transaction, key)

    await world.record.transact(work)
    return key


async def revoke(world: IssuerWorld, key_id: str) -> ApiKeyEntry:
    """Put a revocation on record, as whoever revokes does, and do not carry it."""

    async def work(transaction: RecordTransaction) -> ApiKeyEntry:
        gone = await transaction.api_keys.remove(key_id, world.clock.now())
        await world.use.project_api_key.due(transaction, gone)
        return gone

    return await world.record.transact(work)


async def due(world: IssuerWorld) -> tuple[ApiKeyEntry, ...]:
    return await world.record.transact(lambda transaction: transaction.api_keys.due(1_000))


async def stored(world: IssuerWorld, key_id: str = a_key_id(1)) -> ApiKey:
    return await world.record.transact(lambda transaction: transaction.api_keys.get(key_id))


async def on_record(world: IssuerWorld) -> set[tuple[str, int | None]]:
    """Return which keys' older revisions the record's feed refuses."""
    now = world.clock.now()
    revocations = await world.record.transact(lambda transaction: transaction.revocations.in_force(now))
    return {(named.subject, named.min_version) for named in revocations if named.kind is RevocationKind.API_KEY}


def counts(world: IssuerWorld, key_id: str, revision: int) -> bool:
    """Say whether what somebody knows of a key still counts, after all that was put in force."""
    world.use.revocations.apply(())  # a heartbeat: the feed is fresh
    return world.use.revocations.is_current(key_id, revision)


class NoticingDirectory(MemoryApiKeyDirectory):
    """Says when the last of 250 keys came."""

    def __init__(self) -> None:
        super().__init__()
        self.has_the_last = asyncio.Event()

    async def put(self, entries: Sequence[ApiKeyEntry]) -> None:
        await super().put(entries)
        if await self.find(a_key_id(249)) is not None:
            self.has_the_last.set()


class NoticingUsage(MemoryApiKeyUsage):
    """Says when somebody found nothing left."""

    def __init__(self) -> None:
        super().__init__()
        self.is_empty = asyncio.Event()

    async def take(self, limit: int) -> tuple[ApiKeyUse, ...]:
        taken = await super().take(limit)
        assert len(taken) <= 10
        if not taken:
            self.is_empty.set()
        return taken


@asynccontextmanager
async def running(job: Coroutine[object, object, None]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(job)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


# --- carrying a change ------------------------------------------------------------------------------------------------


async def test_a_new_key_is_where_decisions_look_once_it_was_carried(world: IssuerWorld) -> None:
    await add(world, a_full_key(revision=1))

    await world.use.project_api_key.changed(a_full_key(revision=1))

    assert await world.api_keys.find(a_key_id(2)) == as_decisions_need_it(a_full_key(revision=1))
    assert await due(world) == ()


async def test_nobody_is_told_that_what_they_know_of_a_new_key_is_old(world: IssuerWorld) -> None:
    await add(world, a_key())
    await world.use.project_api_key.changed(a_key())

    assert world.use.revocations.in_force(world.clock.now()) == ()
    assert await on_record(world) == set()


async def test_a_restricted_key_is_so_for_every_verifier_before_anybody_is_told(world: IssuerWorld) -> None:
    """FA-16, P2: what a verifier knows of the older revision does not count from then on."""
    await add(world, a_key())
    await world.use.project_api_key.changed(a_key())
    restricted = changed(a_key(), hosts=("app.example.com",))

    await world.use.project_api_key.changed(await change(world, restricted))

    assert counts(world, a_key_id(1), 1) is False
    assert counts(world, a_key_id(1), 2) is True
    assert await world.api_keys.find(a_key_id(1)) == restricted
    assert await on_record(world) == {(a_key_id(1), 2)}
    assert await due(world) == ()


async def test_whoever_hears_that_a_copy_is_old_finds_the_new_state(world: IssuerWorld) -> None:
    """P2: the directory first. Whoever asks again would otherwise keep the old state under a new date."""
    await add(world, a_key())
    await world.use.project_api_key.changed(a_key())
    disabled = await change(world, changed(a_key(), disabled=True))

    with world.outages.publishing, pytest.raises(RecordedNotInForce):
        await world.use.project_api_key.changed(disabled)

    assert await world.api_keys.find(a_key_id(1)) == disabled
    assert await due(world) == (disabled,)


async def test_a_revoked_key_is_gone_for_every_verifier(world: IssuerWorld) -> None:
    """FA-16."""
    await add(world, a_full_key(1, revision=3))
    await world.use.project_api_key.changed(a_full_key(1, revision=3))

    await world.use.project_api_key.changed(await revoke(world, a_key_id(1)))

    assert await world.api_keys.find(a_key_id(1)) is None
    assert await world.api_keys.find_legacy(LEGACY_DIGEST) is None
    assert counts(world, a_key_id(1), 3) is False


async def test_verifiers_are_told_of_a_change_for_an_hour(world: IssuerWorld) -> None:
    """Longer than anybody keeps a copy, from the moment at which it came into force."""
    await add(world, a_key())
    later = await change(world, changed(a_key(), disabled=True))
    world.clock.advance(7200)

    await world.use.project_api_key.changed(later)

    (named,) = world.use.revocations.in_force(world.clock.now())
    now = world.clock.now()
    assert named == Revocation(RevocationKind.API_KEY, a_key_id(1), 2, now, now + HOUR)


# --- outages ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outage", ["redis", "publishing"])
async def test_what_is_on_record_and_not_in_force_is_said_and_completed_later(world: IssuerWorld, outage: str) -> None:
    """Design §5: `recorded_not_in_force`, and no answer of success before it is."""
    await add(world, a_key())
    await world.use.project_api_key.changed(a_key())
    gone = await revoke(world, a_key_id(1))
    with getattr(world.outages, outage):
        with pytest.raises(RecordedNotInForce):
            await world.use.project_api_key.changed(gone)
        with pytest.raises(Unavailable):
            await world.use.project_api_key.complete()

    assert await world.use.project_api_key.complete() == 1

    assert await world.api_keys.find(a_key_id(1)) is None
    assert counts(world, a_key_id(1), 1) is False
    assert await world.use.project_api_key.complete() == 0


async def test_while_redis_is_away_the_feed_from_the_record_names_the_change(world: IssuerWorld) -> None:
    """P2, FT-08: verifiers fall back to it."""
    await add(world, a_key())
    await world.use.project_api_key.changed(a_key())
    await world.use.follow_revocations.step(wait_seconds=0)

    with world.outages.redis:
        await change(world, changed(a_key(), disabled=True))
        for _ in range(2):
            await world.use.follow_revocations.step(wait_seconds=0)

        assert world.use.revocations.is_current(a_key_id(1), 1) is False


async def test_a_change_that_is_in_force_is_one_also_where_the_record_cannot_note_it(world: IssuerWorld) -> None:
    await add(world, a_key())

    with world.outages.mariadb:
        await world.use.project_api_key.changed(a_key())

    assert await world.api_keys.find(a_key_id(1)) == a_key()
    assert await due(world) == (a_key(),)
    assert await world.use.project_api_key.complete() == 1


async def test_whoever_repeats_what_an_outage_cut_off_need_not_wait(world: IssuerWorld) -> None:
    await add(world, a_key(1), a_key(2))

    await world.use.project_api_key.complete_for(a_key_id(1))
    await world.use.project_api_key.complete_for("nobody")

    assert await world.api_keys.find(a_key_id(1)) == a_key(1)
    assert await due(world) == (a_key(2),)


async def test_what_a_long_outage_left_is_carried_in_the_background(world: IssuerWorld) -> None:
    await add(world, *(a_key(number) for number in range(250)))
    directory = NoticingDirectory()
    project = ProjectApiKey(world.record, directory, world.feed, world.clock)

    async with running(project.keep_completing()), asyncio.timeout(30):
        await directory.has_the_last.wait()

    assert await directory.find(a_key_id(249)) == a_key(249)
    assert len(await due(world)) <= 50


async def test_a_late_writer_brings_no_revoked_key_back(world: IssuerWorld) -> None:
    """FA-16."""
    await add(world, a_key())
    await world.use.project_api_key.changed(await revoke(world, a_key_id(1)))

    await world.use.project_api_key.changed(a_key())

    assert await world.api_keys.find(a_key_id(1)) is None


# --- a user who goes --------------------------------------------------------------------------------------------------


async def owned(world: IssuerWorld) -> User:
    """A user with two keys, beside somebody else's."""
    user = await world.add_user()
    other = await world.add_user("bob")
    keys = (a_key(1, owner_id=user.id), a_full_key(2, owner_id=user.id, revision=4), a_key(3, owner_id=other.id))
    await add(world, *keys)
    await world.use.project_api_key.changed(*keys)
    return user


async def delete(world: IssuerWorld, user_id: UUID, revision: int = 1) -> None:
    await world.use.delete_user(DeleteUserCommand(user_id, revision, ADMIN_ACTOR))


async def test_a_deleted_user_s_keys_are_revoked_everywhere_and_nobody_else_s(world: IssuerWorld) -> None:
    """AD-07, AD-13."""
    user = await owned(world)

    await delete(world, user.id)

    assert [await world.api_keys.find(a_key_id(number)) is None for number in (1, 2, 3)] == [True, True, False]
    assert await world.api_keys.find_legacy(LEGACY_DIGEST) is None
    assert counts(world, a_key_id(1), 1) is False
    assert counts(world, a_key_id(2), 4) is False
    assert counts(world, a_key_id(3), 1) is True
    assert await due(world) == ()
    (deletion,) = [event for event in await world.audited() if event.action == "user.deleted"]
    assert deletion.target == str(user.id)
    assert deletion.before == {"api_keys": [a_key_id(1), a_key_id(2)]}


async def test_somebody_with_thousands_of_keys_can_be_deleted(world: IssuerWorld) -> None:
    """AD-07, AD-15: whoever imports the keys of another system owns them all."""
    user = await world.add_user()
    keys = [a_key(number, owner_id=user.id) for number in range(1_000)]
    await add(world, *keys)
    await world.use.project_api_key.changed(*keys)

    await delete(world, user.id)

    assert await due(world) == ()
    assert not any([await world.api_keys.find(key.id) for key in keys])
    assert not any(counts(world, key.id, 1) for key in keys)


async def test_of_a_deleted_user_s_keys_nothing_personal_is_left_on_record(world: IssuerWorld) -> None:
    """DT-08."""
    user = await owned(world)

    await delete(world, user.id)

    left = await world.record.transact(lambda transaction: transaction.api_keys.find_entry(a_key_id(2)))
    assert left == DeletedApiKey(a_key_id(2), 5, LEGACY_DIGEST)


async def test_a_deletion_that_an_outage_cut_off_revokes_the_keys_later(world: IssuerWorld) -> None:
    """AD-07: user and keys go together or not at all, and both are carried."""
    user = await owned(world)
    with world.outages.redis, pytest.raises(RecordedNotInForce):
        await delete(world, user.id)
    assert await world.record.transact(lambda transaction: transaction.api_keys.count_for(user.id)) == 0

    with pytest.raises(NotFound):
        await delete(world, user.id)
    state = await world.roles.find(user.id)
    await world.use.project_api_key.complete()

    assert state is not None
    assert state.enabled is False
    assert await world.api_keys.find(a_key_id(1)) is None


async def test_a_deletion_that_is_refused_leaves_the_keys(world: IssuerWorld) -> None:
    """AD-07."""
    admin = await world.add_user(roles=("Admin", "User"))
    await add(world, a_key(owner_id=admin.id))

    with pytest.raises(LastAdmin):
        await delete(world, admin.id)

    assert await stored(world) == a_key(owner_id=admin.id)


async def test_a_disabled_user_is_so_where_decisions_on_their_keys_look(world: IssuerWorld) -> None:
    """AD-07: each decision on a key asks for its owner; the key itself stays for the day they are back."""
    user = await owned(world)

    await world.disable(user)

    state = await world.roles.find(user.id)
    assert state is not None
    assert state.enabled is False
    assert await world.api_keys.find(a_key_id(1)) == a_key(1, owner_id=user.id)


# --- loading the directory --------------------------------------------------------------------------------------------


def loading(world: IssuerWorld, directory: MemoryApiKeyDirectory) -> LoadReadModels:
    return LoadReadModels(
        world.record, world.roles, world.clients, directory, world.feed, world.use.revocations, world.clock
    )


async def test_a_directory_of_keys_that_lost_everything_is_loaded_again(
    world: IssuerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DT-04: page by page, revoked ones too, and a miss is final after the last page."""
    monkeypatch.setattr(load_read_models, "_PAGE", 3)
    await add(world, *(a_key(number) for number in range(7)))
    await revoke(world, a_key_id(4))
    assert await world.use.load_read_models.step() is True
    assert await world.use.load_read_models.step() is False
    empty = MemoryApiKeyDirectory()

    assert await loading(world, empty).step() is True

    assert await empty.is_complete()
    assert [await empty.find(a_key_id(number)) for number in range(7)] == [
        None if number == 4 else a_key(number) for number in range(7)
    ]
    await empty.put([a_key(4)])
    assert await empty.find(a_key_id(4)) is None
    assert await loading(world, empty).step() is False


async def test_a_start_does_not_wait_for_a_million_keys(world: IssuerWorld) -> None:
    """Until they are loaded a miss is not final: verifiers ask the issuer."""
    await add(world, a_key())

    await world.use.load_read_models()

    assert await world.roles.is_complete()
    assert await world.api_keys.is_complete() is False
    assert await world.use.load_read_models.step() is True
    assert await world.api_keys.is_complete()


async def test_a_directory_is_not_complete_before_all_of_it_is_there(
    world: IssuerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FA-16: else a key that was not loaded yet would be refused for good."""
    monkeypatch.setattr(load_read_models, "_PAGE", 1)
    await add(world, a_key(1), a_key(2))
    await world.use.load_read_models()

    class Failing(MemoryApiKeyDirectory):
        async def put(self, entries: Sequence[ApiKeyEntry]) -> None:
            await super().put(entries)
            if await self.find(a_key_id(2)) is not None:
                raise Unavailable("gone half-way")

    directory = Failing()
    with pytest.raises(Unavailable):
        await loading(world, directory).step()

    assert await directory.find(a_key_id(1)) == a_key(1)
    assert await directory.is_complete() is False


# --- uses -------------------------------------------------------------------------------------------------------------


def a_use(world: IssuerWorld, number: int = 1, count: int = 1) -> ApiKeyUse:
    return ApiKeyUse(a_key_id(number), count, world.clock.now())


async def test_uses_come_to_the_record_and_change_no_revision(world: IssuerWorld) -> None:
    await add(world, a_key(1), a_key(2))
    await world.api_key_usage.add([a_use(world, 1, 3), a_use(world, 2), a_use(world, 9)])
    await world.api_key_usage.add([a_use(world, 1, 4)])

    assert await world.use.record_api_key_uses.step() == 3

    used = await stored(world)
    assert (used.use_count, used.last_used_at, used.revision) == (7, world.clock.now(), 1)
    assert await world.use.record_api_key_uses.step() == 0


async def test_uses_wait_while_the_record_is_away(world: IssuerWorld) -> None:
    await add(world, a_key())
    await world.api_key_usage.add([a_use(world, count=5)])

    with world.outages.mariadb, pytest.raises(Unavailable):
        await world.use.record_api_key_uses.step()
    await world.api_key_usage.add([a_use(world)])
    await world.use.record_api_key_uses.step()

    assert (await stored(world)).use_count == 6


async def test_uses_are_recorded_in_the_background_in_bounded_batches(
    world: IssuerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_api_key_uses, "_BATCH", 10)
    monkeypatch.setattr(record_api_key_uses, "_PAUSE_SECONDS", 0)
    await add(world, *(a_key(number) for number in range(25)))
    usage = NoticingUsage()
    await usage.add([a_use(world, number) for number in range(25)])

    async with running(RecordApiKeyUses(usage, world.record).keep()), asyncio.timeout(30):
        await usage.is_empty.wait()

    assert [(await stored(world, a_key_id(number))).use_count for number in range(25)] == [1] * 25


async def test_uses_that_came_last_are_recorded_at_the_end(world: IssuerWorld) -> None:
    await add(world, a_key())
    await world.api_key_usage.add([a_use(world)])

    await RecordApiKeyUses(world.api_key_usage, world.record).drain()

    assert (await stored(world)).use_count == 1


async def test_two_issuers_that_carry_the_same_change_carry_it_once(world: IssuerWorld) -> None:
    await add(world, a_key())
    await change(world, changed(a_key(), disabled=True))
    other = ProjectApiKey(world.record, world.api_keys, world.feed, world.clock)

    await asyncio.gather(world.use.project_api_key.complete(), other.complete())

    assert await due(world) == ()
    assert await world.api_keys.find(a_key_id(1)) == changed(a_key(), disabled=True)
