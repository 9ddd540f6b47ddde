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
from paseport.revocation import RevocationKind
from paseport_issuer.use_cases.keep_signing_keys import KeepSigningKeys
from paseport_issuer.use_cases.new_ids import NewIds
from paseport_issuer.use_cases.rotate_signing_keys import SLACK, RotateSigningKeys
from paseport_shared.adapters.memory.clock import ManualClock
from paseport_shared.adapters.memory.key_holder import MemoryKeyHolder
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.randomness import SeededRandomness
from paseport_shared.adapters.memory.record import MemoryRecord
from paseport_shared.adapters.memory.revocation_feed import MemoryRevocationFeed
from paseport_shared.domain.errors import AuthError, KeyNotReady, NotFound, Unavailable
from paseport_shared.domain.models.signing_key import KeyStatus
from paseport_shared.domain.ports.record import RecordTransaction

KEY_NAME = "paseport-access"
MAX_AGE = timedelta(seconds=60)
LIFETIME = timedelta(seconds=300)

T = TypeVar("T")


class Rotation:
    """One key, its holder, and an issuer that signs with it."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        randomness = SeededRandomness()
        self.ids = NewIds(self.clock, randomness)
        self.record = MemoryRecord()
        self.redis = MemoryOutage()
        self.feed = MemoryRevocationFeed(1, self.redis)
        self.holder = MemoryKeyHolder(self.clock, randomness)
        self.keys = KeepSigningKeys(
            key_name=KEY_NAME, record=self.record, holder=self.holder, clock=self.clock, ids=self.ids
        )
        self.use = RotateSigningKeys(
            key_name=KEY_NAME,
            record=self.record,
            holder=self.holder,
            publisher=self.feed,
            document_max_age=MAX_AGE,
            token_lifetime=LIFETIME,
            clock=self.clock,
            ids=self.ids,
        )

    async def statuses(self) -> list[str]:
        return [known.key.status.value for known in await self.use.versions()]

    async def publish(self) -> int:
        self.holder.rotate()
        return (await self.use.publish(ADMIN_ACTOR)).key.version

    async def published_and_known(self) -> int:
        version = await self.publish()
        self.clock.advance(2 * MAX_AGE)
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

    rotation.clock.advance(2 * MAX_AGE)
    await rotation.use.activate(2, ADMIN_ACTOR)
    assert await rotation.statuses() == ["retiring", "active"]
    await rotation.keys.load()
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
    rotation.clock.advance(2 * MAX_AGE - timedelta(seconds=1))

    with pytest.raises(KeyNotReady):
        await rotation.use.activate(version, ADMIN_ACTOR)

    assert await rotation.statuses() == ["active", "published"]


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
        assert (await rotation.use.publish(ADMIN_ACTOR)).key.version == version
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


async def test_a_revoked_version_signs_and_verifies_nothing_at_once_and_another_may_follow_at_once(
    rotation: Rotation,
) -> None:
    """KR-04."""
    next_version = await rotation.publish()
    kid = (await rotation.keys.active()).kid

    await rotation.use.revoke(1, ADMIN_ACTOR)

    await rotation.keys.load()
    assert await rotation.keys.find(kid) is None
    with pytest.raises(Unavailable):
        await rotation.keys.active()
    assert await rotation.revoked() == {kid}
    await rotation.use.activate(next_version, ADMIN_ACTOR)
    await rotation.keys.load()
    assert (await rotation.keys.active()).version == next_version


async def test_a_revocation_that_an_outage_cut_off_is_on_record_and_completed_by_another_call(
    rotation: Rotation,
) -> None:
    with rotation.redis, pytest.raises(Unavailable):
        await rotation.use.revoke(1, ADMIN_ACTOR)
    assert await rotation.statuses() == ["revoked"]

    await rotation.use.revoke(1, ADMIN_ACTOR)

    assert len(await rotation.revoked()) == 1


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

    @rule(version=st.integers(1, 5))
    def revoke(self, version: int) -> None:
        self._try(self.rotation.use.revoke(version, ADMIN_ACTOR))

    @rule(seconds=st.sampled_from([1, 60, 120, 360]))
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
    run_state_machine_as_test(Steps, settings=settings(max_examples=60, stateful_step_count=25, deadline=None))
