"""The issuer knows its keys: from the record, with the signer down, with the record down, and with another signer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from contracts.signing_keys import (
    EVERY_STATUS,
    MakeSigningKeys,
    PastKeysContract,
    SigningKeysContract,
    VerificationKeysContract,
)
from paseport.claims import Claims
from paseport.clock import SystemClock
from paseport.paserk import public_key_id
from paseport.secret import Secret
from paseport_issuer.use_cases.keep_signing_keys import KeepSigningKeys
from paseport_issuer.use_cases.new_ids import NewIds
from paseport_shared.adapters.memory.clock import START, ManualClock
from paseport_shared.adapters.memory.key_holder import MemoryKeyHolder
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.randomness import SeededRandomness
from paseport_shared.adapters.memory.record import MemoryRecord
from paseport_shared.adapters.paseto.key_document import KeyDocument
from paseport_shared.adapters.paseto.token_signer import PasetoTokenSigner
from paseport_shared.adapters.vault.access import VaultAccess
from paseport_shared.adapters.vault.token_keeper import StaticToken
from paseport_shared.adapters.vault.transit_key_holder import TransitKeyHolder
from paseport_shared.adapters.vault.transit_signer import TransitSigner
from paseport_shared.adapters.vault.transport import VaultAddress
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.audit import AuditEvent
from paseport_shared.domain.models.signing_key import HeldKeyVersion, KeyStatus, SigningKey, VerificationKey
from paseport_shared.domain.ports.key_holder import KeyHolder
from paseport_shared.domain.ports.record import RecordTransaction
from paseport_testkit.harness.vault import ACCESS_KEY, DevVault, SealableVault, Vault
from vault_support import create_key

KEY_NAME = "paseport-access"
MAX_AGE = timedelta(seconds=60)
KNOWN = timedelta(seconds=12)
"""How long after it was published a version that nobody waited for signs."""

T = TypeVar("T")
Open = Callable[..., VaultAccess]


class ReplaceableRecord:
    """A record whose database somebody may replace by an empty one."""

    def __init__(self, outage: MemoryOutage) -> None:
        self._outage = outage
        self._record = MemoryRecord(outage)

    def replace_database(self) -> None:
        self._record = MemoryRecord(self._outage)

    async def transact(self, work: Callable[[RecordTransaction], Awaitable[T]]) -> T:
        return await self._record.transact(work)

    async def read(self, work: Callable[[RecordTransaction], Awaitable[T]]) -> T:
        return await self._record.read(work)

    async def ping(self) -> None:
        await self._record.ping()


class World:
    """One record and one signer, which several issuers share."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.randomness = SeededRandomness(1)
        self.record_outage, self.signer_outage = MemoryOutage(), MemoryOutage()
        self.record = ReplaceableRecord(self.record_outage)
        self.signer = MemoryKeyHolder(self.clock, self.randomness, self.signer_outage)

    def issuer(
        self, *, signer: KeyHolder | None = None, key_name: str = KEY_NAME, max_age: timedelta = MAX_AGE
    ) -> KeepSigningKeys:
        return KeepSigningKeys(
            key_name=key_name,
            record=self.record,
            holder=signer or self.signer,
            document_max_age=max_age,
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
    return VerificationKey(
        version, public_key_id(public_key), public_key, status, START - KNOWN, START + timedelta(hours=1)
    )


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


class TestKeepSigningKeysAsPastKeys(PastKeysContract):
    @pytest.fixture
    def clock(self, world: World) -> ManualClock:
        return world.clock

    @pytest.fixture
    def published(self) -> list[VerificationKey]:
        return [a_key(version, status) for version, status in enumerate(EVERY_STATUS, start=1)]

    @pytest.fixture
    async def past_keys(self, world: World, published: Sequence[VerificationKey]) -> KeepSigningKeys:
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
        for ask in (issuer.find, issuer.find_past):
            with pytest.raises(Unavailable):
                await ask(stranger)
    await issuer.load()
    assert await issuer.find(stranger) is None


async def test_a_record_that_has_lost_its_keys_takes_none_from_the_issuer(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """KR-08: keep the last good set, raise the alarm once, and adopt nothing in its place."""
    issuer = await world.started()
    active = await issuer.active()

    world.signer.rotate()
    world.record.replace_database()
    for _ in range(3):
        with pytest.raises(Unavailable):
            await issuer.load()

    assert await issuer.published() == (active,)
    assert await issuer.active() == active
    assert critical(caplog) == ["the record has lost the versions of paseport-access: going on with those known"]
    assert await world.audited() == ()


# --- what another issuer does -------------------------------------------------------------------------------------


async def test_what_another_issuer_did_to_a_key_is_known_at_the_next_look(world: World) -> None:
    """KR-01, KR-04: published, activated, revoked; each time the copy follows the record."""
    issuer = await world.started()
    first = await issuer.active()
    world.signer.rotate()
    held = (await world.signer.versions())[1]
    second = VerificationKey(2, held.kid, held.public_key, KeyStatus.PUBLISHED, START - KNOWN, None)

    await world.add(second)
    await issuer.load()
    published = [(key.version, key.status) for key in await issuer.published()]
    await world.change(1, KeyStatus.ACTIVE, KeyStatus.REVOKED)
    await world.change(2, KeyStatus.PUBLISHED, KeyStatus.ACTIVE)
    await issuer.load()

    assert published == [(1, KeyStatus.ACTIVE), (2, KeyStatus.PUBLISHED)]
    assert (await issuer.active()).kid == second.kid
    assert await issuer.find(first.kid) is None


async def test_the_background_work_follows_the_record_through_outages(world: World) -> None:
    """KR-04: an emergency revocation reaches the other issuers without anybody asking them."""
    issuer = world.issuer(max_age=timedelta(seconds=0.04))
    await issuer.load()
    task = asyncio.create_task(issuer())

    with world.signer_outage:
        await world.change(1, KeyStatus.ACTIVE, KeyStatus.REVOKED)
        async with asyncio.timeout(10):
            while True:
                try:
                    await issuer.active()
                except Unavailable:
                    break
                await asyncio.sleep(0.01)

    assert not task.done()
    task.cancel()
    await asyncio.wait([task])


# --- another signer under the same name ---------------------------------------------------------------------------


async def test_a_signer_with_other_keys_signs_nothing_and_nothing_of_it_is_published(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """KR-06: a Vault restored elsewhere, or a changed address. The alarm is raised once; what was ours stays ours."""
    original = await (await world.started()).active()

    issuer = await world.started(signer=world.other_signer())
    await issuer.load()

    with pytest.raises(Unavailable) as refusal:
        await issuer.active()
    assert refusal.value.reason == "the signer has another key than the record for version 1"
    assert await issuer.published() == (original,)
    assert await issuer.find(original.kid) == original
    assert len(critical(caplog)) == 1
    assert original.kid in critical(caplog)[0]
    assert len(await world.audited()) == 1


async def test_a_signer_that_has_lost_the_active_version_signs_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """KR-06: Vault was restored from a backup of before the rotation. Its next version 2 would be another key."""
    older = MemoryKeyHolder(world.clock, SeededRandomness(1))
    world.signer.rotate()
    await world.started()

    issuer = await world.started(signer=older)

    with pytest.raises(Unavailable):
        await issuer.active()
    assert len(critical(caplog)) == 1


async def test_an_old_version_that_the_signer_has_archived_disturbs_nobody(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Transit shows versions from min_decryption_version on."""
    held = (await world.signer.versions())[0]
    await world.add(
        a_key(7, KeyStatus.RETIRED),
        VerificationKey(1, held.kid, held.public_key, KeyStatus.ACTIVE, START - KNOWN, None),
    )

    issuer = await world.started()

    assert (await issuer.active()).version == 1
    assert critical(caplog) == []


async def test_the_right_signer_may_sign_again_when_it_is_back(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """KR-06: and an outage in between changes neither verdict."""
    await world.started()
    signer = SwitchedHolder(world.other_signer())
    issuer = await world.started(signer=signer)

    with world.signer_outage:
        await issuer.load()
        with pytest.raises(Unavailable):
            await issuer.active()
    signer.holder = world.signer
    await issuer.load()
    with world.signer_outage:
        await issuer.load()

    assert (await issuer.active()).version == 1
    assert "holds the key versions of paseport-access on record again" in caplog.text


class SwitchedHolder:
    """An address behind which another signer appears."""

    def __init__(self, holder: KeyHolder) -> None:
        self.holder = holder

    async def versions(self) -> tuple[HeldKeyVersion, ...]:
        return await self.holder.versions()


# --- with a real Vault --------------------------------------------------------------------------------------------


@pytest.fixture
def open_access() -> Iterator[Open]:
    opened = []

    def open_one(vault: Vault, token: Secret[str] | None = None) -> VaultAccess:
        credential = StaticToken(token or Secret(vault.token()))
        opened.append(VaultAccess(VaultAddress(vault.url), credential, SystemClock()))
        return opened[-1]

    yield open_one
    for access in opened:
        access.close()


def some_claims() -> Claims:
    return Claims(
        issuer="https://auth.example.com",
        subject="a-client",
        audience="https://auth.example.com/api",
        expires_at=START + timedelta(minutes=5),
        not_before=START,
        issued_at=START,
        token_id="a jti",
        client_id="a-client",
        scope=("roles",),
    )


async def test_the_issuer_signs_with_vault_and_goes_on_with_its_key_while_vault_rotates(
    world: World, vault: DevVault, open_access: Open
) -> None:
    """KR-02: every token is verified before anybody gets it, under the key that it names."""
    key = create_key(vault)
    access = open_access(vault, key.token())
    issuer = await world.started(signer=TransitKeyHolder(access, key.name))
    sign = PasetoTokenSigner(issuer, TransitSigner(access, key.name))
    before = await issuer.active()

    key.rotate()
    await issuer.load()
    await sign.sign(some_claims())

    assert await issuer.active() == before


async def test_another_vault_at_the_same_address_signs_nothing(
    world: World, tmp_path: Path, open_access: Open, caplog: pytest.LogCaptureFixture
) -> None:
    """KR-06: a dev server that restarts has the same name for other keys. Also before anybody has compared them, no
    token gets out: each is verified with the key on record."""
    with DevVault(tmp_path / "vault") as vault:
        issuer = await world.started(signer=TransitKeyHolder(open_access(vault), ACCESS_KEY))
        original = await issuer.active()
        vault.stop()
        vault.start()
        access = open_access(vault)

        with pytest.raises(Unavailable) as not_compared:
            await PasetoTokenSigner(issuer, TransitSigner(access, ACCESS_KEY)).sign(some_claims())
        restarted = await world.started(signer=TransitKeyHolder(access, ACCESS_KEY))
        with pytest.raises(Unavailable) as compared:
            await restarted.active()

    assert "does not verify" in not_compared.value.reason
    assert "another key than the record" in compared.value.reason
    assert await restarted.published() == (original,)
    assert len(critical(caplog)) == 1


async def test_an_issuer_that_starts_while_vault_is_sealed_signs_as_soon_as_it_is_not(
    world: World, sealable_vault: SealableVault, open_access: Open
) -> None:
    """P7: its key document is served meanwhile, and nothing has to be restarted."""
    sealable_vault.open()
    access = open_access(sealable_vault)
    holder = TransitKeyHolder(access, ACCESS_KEY)
    document = await KeyDocument(await world.started(signer=holder)).render()
    sealable_vault.seal()

    issuer = await world.started(signer=holder)
    sign = PasetoTokenSigner(issuer, TransitSigner(access, ACCESS_KEY))
    while_sealed = await KeyDocument(issuer).render()
    with pytest.raises(Unavailable):
        await sign.sign(some_claims())
    sealable_vault.unseal()

    async with asyncio.timeout(5):
        while True:
            try:
                token = await sign.sign(some_claims())
                break
            except Unavailable:
                await asyncio.sleep(0.05)
    assert while_sealed == document
    assert token.startswith("v4.public.")
