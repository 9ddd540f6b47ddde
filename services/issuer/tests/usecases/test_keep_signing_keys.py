"""The issuer knows its keys: from the record, with the signer down, with the record down, and with another signer."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from contracts.signing_keys import EVERY_STATUS, MakeSigningKeys, SigningKeysContract, VerificationKeysContract
from paseport.paserk import public_key_id
from paseport_issuer.use_cases import keep_signing_keys
from paseport_issuer.use_cases.keep_signing_keys import KeepSigningKeys
from paseport_issuer.use_cases.new_ids import NewIds
from paseport_shared.adapters.memory.clock import START, ManualClock
from paseport_shared.adapters.memory.key_holder import MemoryKeyHolder
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.randomness import SeededRandomness
from paseport_shared.adapters.memory.record import MemoryRecord
from paseport_shared.adapters.paseto.key_document import KeyDocument
from paseport_shared.adapters.paseto.token_signer import PasetoTokenSigner
from paseport_shared.adapters.system.clock import SystemClock
from paseport_shared.adapters.vault.access import VaultAccess
from paseport_shared.adapters.vault.token_keeper import StaticToken
from paseport_shared.adapters.vault.transit_key_holder import TransitKeyHolder
from paseport_shared.adapters.vault.transit_signer import TransitSigner
from paseport_shared.adapters.vault.transport import VaultAddress
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.audit import AuditEvent
from paseport_shared.domain.models.claims import Claims
from paseport_shared.domain.models.secret import Secret
from paseport_shared.domain.models.signing_key import KeyStatus, SigningKey, VerificationKey
from paseport_shared.domain.ports.key_holder import KeyHolder
from paseport_shared.domain.ports.record import Record, RecordTransaction
from paseport_testkit.harness.vault import ACCESS_KEY, DevVault, SealableVault, Vault

KEY_NAME = "paseport-access"


class World:
    """One record and one signer, which several issuers share."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.randomness = SeededRandomness(1)
        self.record_outage, self.signer_outage = MemoryOutage(), MemoryOutage()
        self.record = MemoryRecord(self.record_outage)
        self.signer = MemoryKeyHolder(self.clock, self.randomness, self.signer_outage)

    def issuer(self, *, signer: KeyHolder | None = None, key_name: str = KEY_NAME) -> KeepSigningKeys:
        return KeepSigningKeys(
            key_name=key_name,
            record=self.record,
            holder=signer or self.signer,
            clock=self.clock,
            ids=NewIds(self.clock, self.randomness),
        )

    async def started(self, *, signer: KeyHolder | None = None) -> KeepSigningKeys:
        issuer = self.issuer(signer=signer)
        await issuer.load()
        return issuer

    async def change(self, version: int, expected: KeyStatus, status: KeyStatus) -> None:
        """Another issuer changes a state."""
        await self.record.transact(
            lambda transaction: transaction.signing_keys.change_status(
                KEY_NAME, version, expected=expected, status=status, at=self.clock.now()
            )
        )

    async def add(self, *keys: VerificationKey) -> None:
        async def work(transaction: RecordTransaction) -> None:
            for key in keys:
                await transaction.signing_keys.add(SigningKey(KEY_NAME, key, self.clock.now()))

        await self.record.transact(work)

    async def audited(self) -> tuple[AuditEvent, ...]:
        return await self.record.transact(lambda transaction: transaction.audit.latest(100))

    def other_signer(self) -> MemoryKeyHolder:
        """Another Vault whose key is called the same."""
        return MemoryKeyHolder(self.clock, SeededRandomness(2), self.signer_outage)


@pytest.fixture
def world() -> World:
    return World()


def a_key(version: int, status: KeyStatus) -> VerificationKey:
    public_key = version.to_bytes(32)
    return VerificationKey(version, public_key_id(public_key), public_key, status, START, START + timedelta(hours=1))


def critical(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.CRITICAL]


class TestKeepSigningKeysAsSigningKeys(SigningKeysContract):
    """The signer is down, so the record is all there is."""

    @pytest.fixture
    def make_signing_keys(self, world: World) -> Iterator[MakeSigningKeys]:
        async def make(statuses: Sequence[KeyStatus]) -> KeepSigningKeys:
            keys = [a_key(version, status) for version, status in enumerate(statuses, start=1)]
            await world.add(*reversed(keys))
            return await world.started()

        with world.signer_outage:
            yield make


class TestKeepSigningKeysAsVerificationKeys(VerificationKeysContract):
    @pytest.fixture
    def clock(self, world: World) -> ManualClock:
        return world.clock

    @pytest.fixture
    def published(self) -> list[VerificationKey]:
        return [a_key(version, status) for version, status in enumerate(EVERY_STATUS, start=1)]

    @pytest.fixture
    async def keys(self, world: World, published: Sequence[VerificationKey]) -> KeepSigningKeys:
        await world.add(*published)
        return await world.started()


# --- a new installation -------------------------------------------------------------------------------------------


async def test_the_first_start_records_the_newest_version_of_the_signer(world: World) -> None:
    """In one transaction with its audit event (AD-13)."""
    world.signer.rotate()
    newest = (await world.signer.versions())[-1]

    issuer = await world.started()

    active = await issuer.active()
    assert (active.version, active.kid, active.public_key) == (2, newest.kid, newest.public_key)
    assert await issuer.published() == (active,)
    assert await issuer.find(active.kid) == active
    (event,) = await world.audited()
    assert (event.action, event.target, event.actor.subject) == ("signing_key.activated", newest.kid, "paseport")
    assert event.after == {"key_name": KEY_NAME, "version": 2, "status": "active"}


async def test_issuers_that_start_together_record_one_version(world: World) -> None:
    """KR-01: they agree on it, and the log has one event."""
    issuers = [world.issuer() for _ in range(10)]

    await asyncio.gather(*(issuer.load() for issuer in issuers))

    assert len({await issuer.active() for issuer in issuers}) == 1
    assert len(await world.audited()) == 1


async def test_a_first_start_without_its_signer_or_record_is_unavailable(world: World) -> None:
    """KR-08: no keys is not an empty key document."""
    issuer = world.issuer()

    for outage in (world.signer_outage, world.record_outage):
        with outage, pytest.raises(Unavailable):
            await issuer.load()
        for ask in (issuer.active, issuer.published, lambda: issuer.find("a kid")):
            with pytest.raises(Unavailable):
                await ask()

    await issuer.load()
    assert (await issuer.active()).version == 1


async def test_a_key_that_is_on_record_under_another_name_is_not_recorded_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """KR-06: one kid, one name. Two names for one key would let two states be true of it."""
    await world.started()
    renamed = world.issuer(key_name="paseport-access-2")

    with pytest.raises(Unavailable):
        await renamed.load()

    assert critical(caplog) == ["the key of paseport-access-2 is on record under another name"]
    assert len(await world.audited()) == 1


async def test_a_rotation_in_the_signer_alone_is_not_adopted(world: World) -> None:
    """KR-02: a version signs after it was published, which is ours to do."""
    issuer = await world.started()

    world.signer.rotate()
    await issuer.load()

    assert (await issuer.active()).version == 1
    assert len(await issuer.published()) == 1


# --- outages ------------------------------------------------------------------------------------------------------


async def test_an_issuer_that_starts_while_the_signer_is_down_serves_its_key_document(world: World) -> None:
    """P7, and design §5: with Vault down verifying works, also for a verifier that starts now."""
    before = await world.started()
    document = await KeyDocument(before).render()

    with world.signer_outage:
        issuer = await world.started()

        assert await KeyDocument(issuer).render() == document
        assert await issuer.active() == await before.active()


async def test_an_issuer_whose_record_is_down_keeps_what_it_has(world: World) -> None:
    issuer = await world.started()
    active = await issuer.active()

    with world.record_outage:
        with pytest.raises(Unavailable):
            await issuer.load()

        assert await issuer.active() == active
        assert await issuer.published() == (active,)
        assert await issuer.find(active.kid) == active


async def test_an_unknown_key_is_no_while_the_record_answers_and_unavailable_while_it_does_not(world: World) -> None:
    """TK-06: another issuer may have published it meanwhile, and a 401 would end a session."""
    issuer = await world.started()
    stranger = public_key_id(bytes(32))

    assert await issuer.find(stranger) is None
    with world.record_outage:
        with pytest.raises(Unavailable):
            await issuer.load()
        with pytest.raises(Unavailable):
            await issuer.find(stranger)
    await issuer.load()
    assert await issuer.find(stranger) is None


async def test_a_record_that_has_lost_its_keys_takes_none_from_the_issuer(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """KR-08: keep the last good set, raise the alarm once, and adopt nothing in its place."""
    issuer = await world.started()
    active = await issuer.active()
    world.signer.rotate()
    full, world.record = world.record, MemoryRecord()
    emptied = KeepSigningKeys(
        key_name=KEY_NAME,
        record=SwitchedRecord(full, world.record),
        holder=world.signer,
        clock=world.clock,
        ids=NewIds(world.clock, world.randomness),
    )
    await emptied.load()

    for _ in range(3):
        with pytest.raises(Unavailable):
            await emptied.load()

    assert await emptied.published() == (active,)
    assert len(critical(caplog)) == 1
    assert await world.audited() == ()


class SwitchedRecord:
    """Reads from the first record once, then from the second: a database that was replaced."""

    def __init__(self, first: Record, second: Record) -> None:
        self._records = [first, second]

    @property
    def transact(self) -> Callable[..., object]:
        return (self._records.pop(0) if len(self._records) > 1 else self._records[0]).transact
