"""Refresh rotation as a model: whoever presents whatever, in any order, the store does what design §3 says.

The model is written from the specification, not from the store: it remembers when every generation was spent and
decides by itself what each presentation must do.
"""

import asyncio
import secrets
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, TypeVar
from uuid import UUID

from contracts.refresh_token_store import POLICY, a_family
from contracts.support import NOW, SECOND, new_user
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from paseport.secret import Secret
from paseport_shared.domain.models.refresh_token import (
    SPENT_KEPT,
    Advance,
    RefreshFamily,
    RefreshPolicy,
    RefreshTokenKey,
    Rotation,
    parse_refresh_token,
)
from paseport_shared.domain.ports.refresh_token_store import RefreshTokenStore

T = TypeVar("T")

# Steps that end just inside, on and just outside a grace of ten seconds come up often.
STEPS = st.one_of(st.sampled_from([0, 1, 5, 9, 10, 11]), st.integers(0, 40)).map(lambda seconds: seconds * SECOND)
CROWD_SIZES = st.integers(2, 6)


@dataclass(slots=True)
class ModelFamily:
    """What the specification knows of one family."""

    opened: RefreshFamily
    tokens: list[Secret[str]]
    """Every token that was ever handed out, by generation; the last one is the live one."""
    spent_at: list[datetime] = field(default_factory=list)
    alive: bool = True

    @property
    def live(self) -> int:
        return len(self.tokens) - 1

    def expected(self, generation: int, now: datetime, grace: timedelta) -> Rotation:
        if not self.alive:
            return Rotation.GONE
        if generation == self.live:
            return Rotation.ROTATE
        remembered = generation >= self.live - SPENT_KEPT
        in_grace = grace > timedelta(0) and remembered and now - self.spent_at[generation] <= grace
        if not in_grace:
            return Rotation.REUSE
        return Rotation.REPLAY if generation == self.live - 1 else Rotation.LATE


class RefreshRotationMachine(RuleBasedStateMachine):
    """The adapter's file supplies ``make_store``. Two users, up to eight families, a thief with every old token."""

    policy: ClassVar[RefreshPolicy] = POLICY

    def make_store(self) -> RefreshTokenStore:
        """Return an empty store, or one on which no other test meets these families."""
        message = "the adapter's file supplies the store"
        raise AssertionError(message)

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.store = self.make_store()
        self.key = RefreshTokenKey(Secret(secrets.token_bytes(32)))
        self.now = NOW
        self.users = [new_user(), new_user()]
        self.families: list[ModelFamily] = []

    def teardown(self) -> None:
        self.loop.close()

    def run(self, call: Awaitable[T]) -> T:
        return self.loop.run_until_complete(self._awaited(call))

    @staticmethod
    async def _awaited(call: Awaitable[T]) -> T:
        return await call

    async def present(self, token: Secret[str]) -> Advance:
        """What the token endpoint does: grammar, family, MAC, then the store."""
        presented = parse_refresh_token(token)
        assert presented is not None
        family = await self.store.find_family(presented.family_id, self.now)
        if family is None:
            return Advance(Rotation.GONE)
        assert self.key.fits(presented, family)
        return await self.store.advance(presented.family_id, presented.generation, self.now)

    def judge_by_the_model(self, family: ModelFamily, generation: int, advance: Advance) -> None:
        """The answer is what the specification says, and the model moves along."""
        assert advance.rotation is family.expected(generation, self.now, self.policy.grace)
        if advance.rotation is Rotation.ROTATE:
            family.spent_at.append(self.now)
            family.tokens.append(self.key.token(family.opened, advance.generation))
        elif advance.rotation is Rotation.REUSE:
            family.alive = False
        successor = family.live if advance.rotation in (Rotation.ROTATE, Rotation.REPLAY) else -1
        assert advance.generation == successor

    def choose(self, data: st.DataObject) -> tuple[ModelFamily, int]:
        """Any token that was ever handed out; the young ones more often."""
        family = data.draw(st.sampled_from(self.families), label="family")
        back = data.draw(st.one_of(st.integers(0, 2), st.integers(0, family.live)), label="generations back")
        return family, max(0, family.live - back)

    # --- what people do -------------------------------------------------------------------------------------------

    @initialize()
    def somebody_signs_in_first(self) -> None:
        self.sign_in(self.users[0])

    @precondition(lambda self: len(self.families) < 8)
    @rule(which=st.integers(0, 1))
    def a_user_signs_in_on_another_device(self, which: int) -> None:
        self.sign_in(self.users[which])

    def sign_in(self, user: UUID) -> None:
        family = a_family(user, at=self.now)
        self.run(self.store.open_family(family))
        self.families.append(ModelFamily(family, [self.key.token(family, 0)]))

    @rule(step=STEPS)
    def time_passes(self, step: timedelta) -> None:
        self.now += step

    @rule(data=st.data())
    def a_client_refreshes(self, data: st.DataObject) -> None:
        family = data.draw(st.sampled_from(self.families), label="family")
        live = family.live

        self.judge_by_the_model(family, live, self.run(self.present(family.tokens[live])))

    @rule(data=st.data())
    def a_client_whose_answer_was_lost_asks_again_in_time(self, data: st.DataObject) -> None:
        """TE-13: such a client is never signed out, however often it asks."""
        family = data.draw(st.sampled_from([family for family in self.families if family.alive] or self.families))
        if not family.alive:
            return
        held = family.live
        self.judge_by_the_model(family, held, self.run(self.present(family.tokens[held])))
        waits = data.draw(st.lists(st.integers(0, int(self.policy.grace.total_seconds())), max_size=3), label="waits")
        for wait in sorted(waits):
            self.now = max(self.now, family.spent_at[held] + wait * SECOND)
            if self.policy.grace:
                advance = self.run(self.present(family.tokens[held]))
                assert advance == Advance(Rotation.REPLAY, held + 1)
        assert family.alive

    @rule(data=st.data())
    def somebody_presents_any_token_ever_handed_out(self, data: st.DataObject) -> None:
        family, generation = self.choose(data)

        self.judge_by_the_model(family, generation, self.run(self.present(family.tokens[generation])))

    @rule(data=st.data(), size=CROWD_SIZES)
    def a_crowd_presents_one_token_at_once(self, data: st.DataObject, size: int) -> None:
        """TE-12."""
        family, generation = self.choose(data)
        was_alive = family.alive

        async def crowd() -> list[Advance]:
            return await asyncio.gather(*(self.present(family.tokens[generation]) for _ in range(size)))

        advances = self.run(crowd())

        # In whichever order they were served, that order must be one the specification allows: those that rotate
        # come first, those that find the family dead come last.
        order = [Rotation.ROTATE, Rotation.REPLAY, Rotation.LATE, Rotation.REUSE, Rotation.GONE]
        for advance in sorted(advances, key=lambda advance: order.index(advance.rotation)):
            self.judge_by_the_model(family, generation, advance)
        rotations = [advance.rotation for advance in advances]
        assert rotations.count(Rotation.ROTATE) <= 1
        assert rotations.count(Rotation.REUSE) == (was_alive and not family.alive)

    @rule(data=st.data())
    def a_client_signs_out(self, data: st.DataObject) -> None:
        family = data.draw(st.sampled_from(self.families), label="family")

        revoked = self.run(self.store.revoke_family(family.opened.id))

        assert (revoked is not None) == family.alive
        family.alive = False

    @rule(which=st.integers(0, 1))
    def a_user_signs_out_everywhere(self, which: int) -> None:
        """TE-17."""
        mine = [family for family in self.families if family.opened.user_id == self.users[which] and family.alive]

        revoked = self.run(self.store.revoke_all(self.users[which]))

        assert {family.id for family in revoked} == {family.opened.id for family in mine}
        for family in mine:
            family.alive = False

    # --- what holds after each of these steps ---------------------------------------------------------------------

    @invariant()
    def each_family_that_should_live_lives_with_one_live_generation(self) -> None:
        """Nothing that happened to one family reached another."""
        for family in self.families:
            found = self.run(self.store.find_family(family.opened.id, self.now))
            assert (found is not None) == family.alive
            if found is not None:
                assert found.generation == family.live

    @invariant()
    def the_users_lists_name_what_lives(self) -> None:
        for user in self.users:
            listed = self.run(self.store.list_for_user(user, self.now))
            living = {family.opened.id for family in self.families if family.alive and family.opened.user_id == user}
            assert {family.id for family in listed} == living

    @invariant()
    def no_token_was_handed_out_twice(self) -> None:
        for family in self.families:
            assert len({token.reveal() for token in family.tokens}) == len(family.tokens)
