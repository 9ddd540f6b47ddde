"""Key rotation as a state machine (design §3): only what every verifier can follow, from any node, again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from issuer_world import ADMIN_ACTOR
from paseport.revocation import Revocation, RevocationKind
from paseport.revocation_list import RevocationList
from paseport_issuer.use_cases.keep_signing_keys import (
    REFRESH_SECONDS,
    KeepSigningKeys,
    ready_after,
    refresh_seconds,
)
from paseport_issuer.use_cases.new_ids import NewIds
from paseport_issuer.use_cases.rotate_signing_keys import SLACK, KeyStep, RotateSigningKeys
from paseport_shared.adapters.memory.clock import ManualClock
from paseport_shared.adapters.memory.key_holder import MemoryKeyHolder
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.randomness import SeededRandomness
from paseport_shared.adapters.memory.record import MemoryRecord
from paseport_shared.adapters.memory.revocation_feed import MemoryRevocationFeed
from paseport_shared.domain.errors import (
    AuthError,
    KeyNotReady,
    KeyVersionNotPermitted,
    NotFound,
    RecordedNotInForce,
    Unavailable,
)
from paseport_shared.domain.models.signing_key import KeyStatus
from paseport_shared.domain.ports.record import RecordTransaction

KEY_NAME = "paseport-access"
MAX_AGE = timedelta(seconds=60)
LIFETIME = timedelta(seconds=300)
READY = ready_after(MAX_AGE)

T = TypeVar("T")


class Rotation:
    """One key, its holder, and an issuer that signs with it."""

    def __init__(self, max_age: timedelta = MAX_AGE) -> None:
        self._max_age = max_age
        self.clock = ManualClock()
        randomness = SeededRandomness()
        self.ids = NewIds(self.clock, randomness)
        self.record = MemoryRecord()
        self.redis = MemoryOutage()
        self.feed = MemoryRevocationFeed(1, self.redis)
        self.holder = MemoryKeyHolder(self.clock, randomness)
        self.keys = self.issuer()
        self.use = RotateSigningKeys(
            keys=self.keys,
            record=self.record,
            publisher=self.feed,
            document_max_age=self._max_age,
            token_lifetime=LIFETIME,
            clock=self.clock,
            ids=self.ids,
        )

    def issuer(self) -> KeepSigningKeys:
        """What one more issuer of the installation knows of the key."""
        return KeepSigningKeys(
            key_name=KEY_NAME,
            record=self.record,
            holder=self.holder,
            document_max_age=self._max_age,
            clock=self.clock,
            ids=self.ids,
        )

    async def statuses(self) -> list[str]:
        return [known.key.status.value for known in await self.use.versions()]

    async def publish(self) -> int:
        self.holder.rotate()
        return (await self.use.publish(ADMIN_ACTOR)).signing_key.key.version

    async def published_and_known(self) -> int:
        version = await self.publish()
        self.clock.advance(READY)
        return version

    async def revoked(self) -> set[str]:
        async def read(transaction: RecordTransaction) -> set[str]:
            current = await transaction.revocations.in_force(self.clock.now())
            return {revocation.subject for revocation in current if revocation.kind is RevocationKind.KEY}

        return await self.record.transact(read)

    async def actions(self) -> list[str]:
        async def read(transaction: RecordTransaction) -> list[str]:
            return [event.action for event in await transaction.audit.latest(100)]

        return list(reversed(await self.record.transact(read)))


@pytest.fixture
async def rotation() -> Rotation:
    rotation = Rotation()
    await rotation.keys.load()
    return rotation


async def test_a_version_goes_through_its_life(rotation: Rotation) -> None:
    """KR-01."""
    assert await rotation.publish() == 2
    assert await rotation.statuses() == ["active", "published"]

    rotation.clock.advance(READY)
    await rotation.use.activate(2, ADMIN_ACTOR)
    assert await rotation.statuses() == ["retiring", "active"]
    assert (await rotation.keys.active()).version == 2

    rotation.clock.advance(LIFETIME + SLACK)
    await rotation.use.retire(1, ADMIN_ACTOR)
    assert await rotation.statuses() == ["retired", "active"]
    actions = await rotation.actions()
    assert actions[:2] == ["signing_key.activated", "signing_key.published"]
    assert sorted(actions[2:4]) == ["signing_key.active", "signing_key.retiring"], "one transaction"
    assert actions[4:] == ["signing_key.retired"]


async def test_a_version_does_not_sign_before_every_verifier_can_know_it(rotation: Rotation) -> None:
    """KR-02."""
    version = await rotation.publish()
    rotation.clock.advance(READY - timedelta(seconds=1))

    with pytest.raises(KeyNotReady) as refusal:
        await rotation.use.activate(version, ADMIN_ACTOR)

    assert await rotation.statuses() == ["active", "published"]
    assert refusal.value.retry_after == timedelta(seconds=1)
    assert refusal.value.not_before == rotation.clock.now() + timedelta(seconds=1)


@pytest.mark.parametrize("seconds", [1, 2, 5, 19, 20, 60, 300])
def test_the_wait_covers_an_issuer_that_looks_late_and_a_cache_before_the_verifier(seconds: int) -> None:
    """KR-01, KR-02: the issuer that read the record just before, the cache that asked it then, a verifier behind it."""
    max_age = timedelta(seconds=seconds)

    last_without = timedelta(seconds=refresh_seconds(max_age)) + max_age + max_age

    assert last_without < ready_after(max_age)
    assert refresh_seconds(max_age) <= REFRESH_SECONDS


@pytest.mark.parametrize("seconds", [1, 2, 5, 60, 300])
async def test_signing_goes_on_through_a_rotation_whatever_the_max_age(seconds: int) -> None:
    """KR-01: a version that was waited for signs from the moment of its activation."""
    rotation = Rotation(timedelta(seconds=seconds))
    await rotation.keys.load()
    version = await rotation.publish()
    rotation.clock.advance(ready_after(timedelta(seconds=seconds)))

    await rotation.use.activate(version, ADMIN_ACTOR)

    assert (await rotation.keys.active()).version == version


async def test_the_process_that_took_a_step_knows_it_at_once(rotation: Rotation) -> None:
    version = await rotation.published_and_known()
    assert len(await rotation.keys.published()) == 2

    await rotation.use.activate(version, ADMIN_ACTOR)
    assert (await rotation.keys.active()).version == version

    rotation.clock.advance(LIFETIME + SLACK)
    await rotation.use.retire(1, ADMIN_ACTOR)
    assert [key.version for key in await rotation.keys.published()] == [version]


async def test_the_next_step_of_each_version_is_said_with_its_time(rotation: Rotation) -> None:
    began = rotation.clock.now()
    version = await rotation.publish()
    (first, second) = await rotation.use.states()
    assert (first.next_step, first.possible_from) == (None, None)
    assert (second.next_step, second.possible_from) == (KeyStep.ACTIVATE, began + READY)

    rotation.clock.advance(READY)
    await rotation.use.activate(version, ADMIN_ACTOR)

    (first, second) = await rotation.use.states()
    assert (first.next_step, first.possible_from) == (KeyStep.RETIRE, began + READY + LIFETIME + SLACK)
    assert (second.next_step, second.possible_from) == (None, None)


# --- making versions ----------------------------------------------------------------------------------------------


async def test_a_version_is_made_and_one_that_waits_is_not_made_again(rotation: Rotation) -> None:
    """A rotation that was interrupted and begun again goes on with the version that it has."""
    made = [(await rotation.use.publish(ADMIN_ACTOR, create=True)).signing_key.key.version for _ in range(3)]

    assert made == [2, 2, 2]
    assert len(await rotation.holder.versions()) == 2
    assert (await rotation.actions()).count("signing_key.published") == 1


async def test_a_version_that_an_operator_made_is_published_and_none_besides(rotation: Rotation) -> None:
    rotation.holder.rotate()

    published = await rotation.use.publish(ADMIN_ACTOR, create=True)

    assert published.signing_key.key.version == 2
    assert len(await rotation.holder.versions()) == 2


async def test_callers_who_publish_at_the_same_time_get_one_version(rotation: Rotation) -> None:
    """KR-01: from two issuers, say."""
    published = await asyncio.gather(*(rotation.use.publish(ADMIN_ACTOR, create=True) for _ in range(5)))

    assert len({state.signing_key.key.kid for state in published}) == 1
    assert await rotation.statuses() == ["active", "published"]


async def test_where_the_holder_leaves_it_to_an_operator_that_is_said_and_nothing_changes(rotation: Rotation) -> None:
    rotation.holder.permits = False

    for refused in (
        rotation.use.publish(ADMIN_ACTOR, create=True),
        rotation.use.revoke(1, ADMIN_ACTOR, replacing=True),
    ):
        with pytest.raises(KeyVersionNotPermitted):
            await refused

    assert await rotation.statuses() == ["active"]
    assert (await rotation.use.publish(ADMIN_ACTOR)).signing_key.key.status is KeyStatus.ACTIVE


async def test_a_version_stays_until_its_last_token_has_expired(rotation: Rotation) -> None:
    await rotation.use.activate(await rotation.published_and_known(), ADMIN_ACTOR)
    rotation.clock.advance(LIFETIME + SLACK - timedelta(seconds=1))

    with pytest.raises(KeyNotReady):
        await rotation.use.retire(1, ADMIN_ACTOR)

    await rotation.keys.load()
    assert await rotation.keys.find((await rotation.use.versions())[0].key.kid) is not None


async def test_every_step_may_be_repeated(rotation: Rotation) -> None:
    version = await rotation.published_and_known()
    for _ in range(2):
        assert (await rotation.use.publish(ADMIN_ACTOR)).signing_key.key.version == version
    for _ in range(2):
        await rotation.use.activate(version, ADMIN_ACTOR)
    rotation.clock.advance(LIFETIME + SLACK)
    for _ in range(2):
        await rotation.use.retire(1, ADMIN_ACTOR)
    for _ in range(2):
        await rotation.use.revoke(1, ADMIN_ACTOR)

    assert await rotation.statuses() == ["revoked", "active"]


async def test_a_step_that_a_version_cannot_take_is_refused(rotation: Rotation) -> None:
    version = await rotation.published_and_known()
    for refused in (rotation.use.retire(version, ADMIN_ACTOR), rotation.use.retire(1, ADMIN_ACTOR)):
        with pytest.raises(KeyNotReady):
            await refused
    await rotation.use.activate(version, ADMIN_ACTOR)
    with pytest.raises(KeyNotReady):
        await rotation.use.activate(1, ADMIN_ACTOR)
    for missing in (rotation.use.activate(9, ADMIN_ACTOR), rotation.use.revoke(9, ADMIN_ACTOR)):
        with pytest.raises(NotFound):
            await missing


# --- revoking -----------------------------------------------------------------------------------------------------


async def test_a_revoked_version_signs_and_verifies_nothing_at_once(rotation: Rotation) -> None:
    """KR-04."""
    kid = (await rotation.keys.active()).kid

    done = await rotation.use.revoke(1, ADMIN_ACTOR)

    assert done.signs is None
    assert await rotation.keys.find(kid) is None
    with pytest.raises(Unavailable):
        await rotation.keys.active()
    assert await rotation.revoked() == {kid}


async def test_a_version_that_verifiers_know_takes_the_place_of_a_revoked_one_at_once(rotation: Rotation) -> None:
    """KR-04: whoever keeps one published has no moment without."""
    spare = await rotation.published_and_known()

    done = await rotation.use.revoke(1, ADMIN_ACTOR)

    assert done.signs is not None
    assert done.signs.signing_key.key.version == spare
    assert (await rotation.keys.active()).version == spare
    assert await rotation.statuses() == ["revoked", "active"]


async def test_a_version_that_verifiers_do_not_know_yet_takes_the_place_a_moment_later(rotation: Rotation) -> None:
    """KR-02, KR-04: a verifier that has just asked for an unknown key does not ask again for ten seconds."""
    done = await rotation.use.revoke(1, ADMIN_ACTOR, replacing=True)

    assert done.signs is not None
    with pytest.raises(Unavailable) as refusal:
        await rotation.keys.active()
    assert refusal.value.retry_after == timedelta(seconds=12)
    assert [key.version for key in await rotation.keys.published()] == [1, 2]
    rotation.clock.advance(timedelta(seconds=12))
    assert (await rotation.keys.active()).version == 2
    assert await rotation.statuses() == ["revoked", "active"]


async def test_revoking_one_that_does_not_sign_makes_and_activates_nothing(rotation: Rotation) -> None:
    spare = await rotation.publish()

    done = await rotation.use.revoke(spare, ADMIN_ACTOR, replacing=True)

    assert done.signs is not None
    assert done.signs.signing_key.key.version == 1
    assert await rotation.statuses() == ["active", "revoked"]


async def test_a_replacement_may_be_asked_for_after_the_revocation_too(rotation: Rotation) -> None:
    """Of the key of ID tokens: whoever asks still has a token."""
    await rotation.use.revoke(1, ADMIN_ACTOR)

    await rotation.use.revoke(1, ADMIN_ACTOR, replacing=True)

    assert await rotation.statuses() == ["revoked", "active"]


async def test_where_nothing_is_left_that_could_sign_a_new_version_of_the_holder_does(rotation: Rotation) -> None:
    """KR-04: no token is left with which somebody could activate it. The one that was revoked never comes back."""
    await rotation.use.revoke(1, ADMIN_ACTOR)
    other = rotation.issuer()
    await other.load()
    assert await rotation.statuses() == ["revoked"]

    rotation.holder.rotate()
    await asyncio.gather(rotation.keys.load(), other.load())

    assert await rotation.statuses() == ["revoked", "active"]
    rotation.clock.advance(timedelta(seconds=12))
    assert (await rotation.keys.active()).version == (await other.active()).version == 2


async def test_an_issuer_that_hears_of_a_revocation_stops_before_it_has_read_the_record(rotation: Rotation) -> None:
    """KR-04: also one that does not reach the record. It looks there as soon as it hears."""
    other = rotation.issuer()
    await other.load()
    kid = (await other.active()).kid
    spare = await rotation.published_and_known()
    revocations = RevocationList(rotation.clock)
    revocations.listen(other)
    await rotation.use.revoke(1, ADMIN_ACTOR)
    now = rotation.clock.now()
    following = asyncio.create_task(other())

    revocations.learn(Revocation(RevocationKind.KEY, kid, None, now, now + LIFETIME))

    with pytest.raises(Unavailable):
        await other.active()
    assert await other.find(kid) is None
    assert [key.status for key in await other.published()] == [KeyStatus.REVOKED]
    async with asyncio.timeout(REFRESH_SECONDS / 2):
        while True:
            if len(await other.published()) == 2:
                break
            await asyncio.sleep(0)
    assert (await other.active()).version == spare
    following.cancel()
    await asyncio.wait([following])


async def test_a_revocation_that_an_outage_cut_off_is_on_record_and_completed_by_another_call(
    rotation: Rotation,
) -> None:
    with rotation.redis, pytest.raises(RecordedNotInForce):
        await rotation.use.revoke(1, ADMIN_ACTOR)
    assert await rotation.statuses() == ["revoked"]

    await rotation.use.revoke(1, ADMIN_ACTOR)

    assert len(await rotation.revoked()) == 1


async def test_what_the_holder_has_lost_is_revoked_and_what_it_has_made_since_signs(rotation: Rotation) -> None:
    """KR-06: its file was removed, and a new one made that begins with a higher number."""
    await rotation.publish()
    rotation.holder.forget()
    rotation.holder.rotate()
    await rotation.keys.load()

    lost = await rotation.use.revoke_lost(ADMIN_ACTOR)

    assert [known.key.version for known in lost] == [1, 2]
    assert await rotation.statuses() == ["revoked", "revoked", "active"]
    assert await rotation.use.revoke_lost(ADMIN_ACTOR) == ()


class Steps(RuleBasedStateMachine):
    """Whatever operators do in whatever order: at most one version signs, and what it signed verifies."""

    def __init__(self) -> None:
        super().__init__()
        self.rotation = Rotation()
        self.signed: dict[str, datetime] = {}
        self._run(self.rotation.keys.load())

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(work)

    def _try(self, work: Coroutine[Any, Any, object]) -> None:
        with suppress(AuthError):
            self._run(work)

    @rule()
    def publish(self) -> None:
        self._run(self.rotation.publish())

    @rule(version=st.integers(1, 5))
    def activate(self, version: int) -> None:
        self._try(self.rotation.use.activate(version, ADMIN_ACTOR))

    @rule(version=st.integers(1, 5))
    def retire(self, version: int) -> None:
        self._try(self.rotation.use.retire(version, ADMIN_ACTOR))

    @rule(version=st.integers(1, 5), replacing=st.booleans())
    def revoke(self, version: int, replacing: bool) -> None:
        self._try(self.rotation.use.revoke(version, ADMIN_ACTOR, replacing=replacing))

    @rule()
    def make(self) -> None:
        self._try(self.rotation.use.publish(ADMIN_ACTOR, create=True))

    @rule(seconds=st.sampled_from([1, 60, 130, 360]))
    def wait(self, seconds: int) -> None:
        self.rotation.clock.advance(timedelta(seconds=seconds))

    @invariant()
    def at_most_one_signs_and_its_tokens_verify(self) -> None:
        now = self.rotation.clock.now()
        known = {held.key.kid: held.key for held in self._run(self.rotation.use.versions())}
        active = [key for key in known.values() if key.status is KeyStatus.ACTIVE]
        assert len(active) <= 1
        for kid, expires_at in self.signed.items():
            key = known[kid]
            if key.status is not KeyStatus.REVOKED and now < expires_at:
                assert key.verifies
                assert key.not_after is None or key.not_after >= expires_at
        for key in active:
            self.signed[key.kid] = now + LIFETIME


def test_in_any_order_at_most_one_version_signs_and_what_it_signed_verifies() -> None:
    """KR-01."""
    run_state_machine_as_test(Steps, settings=settings(max_examples=60, stateful_step_count=25, deadline=None))
