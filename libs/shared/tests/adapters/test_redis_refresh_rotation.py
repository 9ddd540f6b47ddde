"""Rotation in Redis: the model's rules, and the script's equality with ``judge``."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

import pytest
from contracts.refresh_rotation import RefreshRotationMachine
from contracts.refresh_token_store import NO_GRACE, POLICY, a_family
from contracts.support import NOW, SECOND, new_id
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test
from paseport.redis.access import RedisAccess
from paseport.redis.moments import microseconds, span
from paseport.redis.settings import RedisSettings
from paseport_shared.adapters.redis.refresh_scripts import ADVANCE
from paseport_shared.adapters.redis.refresh_token_store import RedisRefreshTokenStore
from paseport_shared.domain.models.refresh_token import (
    MAX_GENERATION,
    SPENT_KEPT,
    UNCONFIRMED_REPLAY,
    RefreshFamily,
    Rotation,
    Spent,
    advanced,
    judge,
)
from paseport_testkit.harness.redis import RedisCluster
from redis_support import OnASingleNode, cluster_settings, unhurried


class RedisRotationMachine(RefreshRotationMachine):
    reached: ClassVar[RedisSettings]

    def make_store(self) -> RedisRefreshTokenStore:
        self.access = RedisAccess(self.reached)
        return RedisRefreshTokenStore(self.access, self.policy, f"refresh_token:test-{new_id()}")

    def teardown(self) -> None:
        self.run(self.access.aclose())
        super().teardown()


class RedisRotationWithoutGraceMachine(RedisRotationMachine):
    policy = NO_GRACE


class RedisRotationWithLongGraceMachine(RedisRotationMachine):
    """A minute of grace: more generations are spent within it than the store remembers."""

    policy = replace(POLICY, grace=60 * SECOND)


@pytest.fixture
def reached(redis_cluster: RedisCluster) -> Iterator[None]:
    """The machines live on the cluster. Hypothesis makes them, so what they need is an attribute."""
    RedisRotationMachine.reached = unhurried(cluster_settings(redis_cluster))
    yield
    del RedisRotationMachine.reached


@pytest.mark.usefixtures("reached")
@pytest.mark.parametrize(
    "machine", [RedisRotationMachine, RedisRotationWithoutGraceMachine, RedisRotationWithLongGraceMachine]
)
def test_whatever_happens_to_a_family_the_store_says_what_the_model_says(machine: type[RedisRotationMachine]) -> None:
    # Fewer examples than the memory adapter gets: each step here is several round trips to three servers.
    run_state_machine_as_test(machine, settings=settings(max_examples=40, stateful_step_count=40, deadline=None))


GENERATIONS = st.one_of(st.integers(0, 20), st.integers(2**53 - 10, 2**53 + 10), st.just(MAX_GENERATION - 1))
# Just inside, on and just outside of each limit that judge knows.
LIMITS = st.sampled_from([timedelta(0), 10 * SECOND, 60 * SECOND, UNCONFIRMED_REPLAY, POLICY.idle])
AGES = st.builds(
    lambda limit, off: limit + off,
    LIMITS,
    st.sampled_from([timedelta(microseconds=-1), timedelta(0), timedelta(microseconds=1), -3 * SECOND]),
)


class TestAdvanceScript(OnASingleNode):
    @settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        live=GENERATIONS,
        remembered=st.integers(0, SPENT_KEPT),
        ages=st.lists(AGES, min_size=SPENT_KEPT, max_size=SPENT_KEPT),
        unconfirmed=st.booleans(),
        unused_for=AGES,
        ends_in=AGES,
        back=st.integers(-3, SPENT_KEPT + 2),
        grace=st.sampled_from([timedelta(0), 10 * SECOND, 60 * SECOND]),
        marks=st.booleans(),
    )
    @example(
        # Doubles cannot tell these two generations apart.
        live=2**53 + 1,
        remembered=SPENT_KEPT,
        ages=[SECOND] * SPENT_KEPT,
        unconfirmed=False,
        unused_for=SECOND,
        ends_in=POLICY.idle,
        back=1,
        grace=10 * SECOND,
        marks=False,
    )
    async def test_the_script_decides_as_judge_does_and_leaves_what_advanced_says(
        self,
        access: RedisAccess,
        redis_namespace: str,
        live: int,
        remembered: int,
        ages: list[timedelta],
        unconfirmed: bool,
        unused_for: timedelta,
        ends_in: timedelta,
        back: int,
        grace: timedelta,
        marks: bool,
    ) -> None:
        namespace = f"refresh_token:{redis_namespace}"
        store = RedisRefreshTokenStore(access, POLICY, namespace)
        oldest = max(0, live - remembered)
        family = replace(
            a_family(),
            generation=live,
            spent=tuple(Spent(number, NOW - ages[number - oldest]) for number in range(oldest, live)),
            unconfirmed=unconfirmed,
            advanced_at=NOW - unused_for,
            expires_at=NOW + ends_in,
        )
        presented = max(0, live - back)
        await store.open_family(family)

        (answer,) = await access.send(
            ADVANCE(
                [f"{namespace}:by_token:{family.id}"],
                presented,
                presented + 1,
                microseconds(NOW),
                span(grace),
                span(POLICY.idle),
                int(marks),
            )
        )

        expected = judge(family, presented, NOW, grace) if family.is_live(NOW, POLICY) else Rotation.GONE
        assert Rotation(answer[0].decode()) is expected
        left: RefreshFamily | None = family
        if expected.advances:
            left = advanced(family, presented, NOW, unconfirmed=marks)
        elif expected is Rotation.REUSE:
            left = None
        assert await store.revoke_family(family.id) == left
