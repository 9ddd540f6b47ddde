"""What everybody promises who counts for all nodes."""

from datetime import timedelta
from uuid import uuid4

import pytest
from contracts.support import CROWD, NOW, SECOND, Unreachable, crowd
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.rate_limit import SKEW, RateLimit, RateVerdict
from paseport_shared.domain.ports.shared_rates import SharedRates

MINUTE = timedelta(minutes=1)
INSTANT = timedelta(microseconds=1)


def a_key() -> str:
    """A key that no other test counts."""
    return f"key:{uuid4()}"


def limit_of(count: int, window: timedelta = MINUTE) -> RateLimit:
    return RateLimit(count, window, strict=True)


class SharedRatesContract:
    """The adapter's file supplies the fixtures ``rates`` and ``unreachable``."""

    async def test_as_many_pass_as_the_limit_says_and_each_is_told_what_is_left(self, rates: SharedRates) -> None:
        key, limit = a_key(), limit_of(3)

        verdicts = [await rates.take(key, limit, NOW) for _ in range(5)]

        allowed = [RateVerdict(True, 3, left, 60.0) for left in (2, 1, 0)]
        assert verdicts == [*allowed, RateVerdict(False, 3, 0, 60.0), RateVerdict(False, 3, 0, 60.0)]

    async def test_the_window_slides_exactly(self, rates: SharedRates) -> None:
        key, limit = a_key(), limit_of(2)
        await rates.take(key, limit, NOW)
        await rates.take(key, limit, NOW + 50 * SECOND)

        answers = [
            await rates.take(key, limit, NOW + after)
            for after in (MINUTE - INSTANT, MINUTE, MINUTE + INSTANT, MINUTE + 50 * SECOND - INSTANT)
        ]

        assert [answer.is_allowed for answer in answers] == [False, True, False, False]
        assert (await rates.take(key, limit, NOW + MINUTE + 50 * SECOND)).is_allowed

    async def test_a_refusal_says_when_there_is_room_and_then_there_is(self, rates: SharedRates) -> None:
        key, limit = a_key(), limit_of(2)
        await rates.take(key, limit, NOW)
        await rates.take(key, limit, NOW + 20 * SECOND)

        refusal = await rates.take(key, limit, NOW + 25 * SECOND)

        assert (refusal.is_allowed, refusal.reset_seconds) == (False, 35.0)
        assert (await rates.take(key, limit, NOW + (25 + 35) * SECOND)).is_allowed

    async def test_what_is_refused_does_not_count(self, rates: SharedRates) -> None:
        key, limit = a_key(), limit_of(1)
        await rates.take(key, limit, NOW)
        for second in range(1, 60):
            assert not (await rates.take(key, limit, NOW + second * SECOND)).is_allowed

        assert (await rates.take(key, limit, NOW + MINUTE)).is_allowed

    async def test_keys_do_not_count_each_other(self, rates: SharedRates) -> None:
        stem, limit = a_key(), limit_of(1)

        answers = [await rates.take(key, limit, NOW) for key in (stem, f"{stem} ", f"{stem}:", f"{stem}ß", f"{stem}*")]

        assert all(answer.is_allowed for answer in answers)

    async def test_of_a_crowd_at_once_exactly_the_limit_passes(self, rates: SharedRates) -> None:
        key, limit = a_key(), limit_of(17)

        answers = await crowd(lambda: rates.take(key, limit, NOW))

        assert sorted(answer.remaining for answer in answers if answer.is_allowed) == list(range(17))
        assert len(answers) == CROWD

    async def test_a_limit_that_was_lowered_holds_at_once(self, rates: SharedRates) -> None:
        key = a_key()
        for second in range(5):
            await rates.take(key, limit_of(5), NOW + second * SECOND)

        refusal = await rates.take(key, limit_of(2), NOW + 10 * SECOND)

        # Of the five, the four oldest must have left.
        assert (refusal.is_allowed, refusal.limit, refusal.reset_seconds) == (False, 2, 53.0)
        assert not (await rates.take(key, limit_of(2), NOW + 63 * SECOND - INSTANT)).is_allowed
        assert (await rates.take(key, limit_of(2), NOW + 63 * SECOND)).is_allowed

    async def test_a_limit_that_was_raised_counts_what_was_before(self, rates: SharedRates) -> None:
        key = a_key()
        for _ in range(2):
            await rates.take(key, limit_of(2), NOW)

        answers = [await rates.take(key, limit_of(4), NOW + SECOND) for _ in range(3)]

        assert [answer.is_allowed for answer in answers] == [True, True, False]

    async def test_a_node_whose_clock_is_a_little_behind_gets_no_more(self, rates: SharedRates) -> None:
        key, limit = a_key(), limit_of(2)
        await rates.take(key, limit, NOW)
        await rates.take(key, limit, NOW - SKEW)

        assert not (await rates.take(key, limit, NOW + MINUTE - INSTANT)).is_allowed
        assert not (await rates.take(key, limit, NOW + MINUTE - SKEW)).is_allowed
        assert (await rates.take(key, limit, NOW + MINUTE)).is_allowed

    async def test_a_wall_clock_set_back_neither_frees_a_key_nor_locks_it_until_the_old_time_returns(
        self, rates: SharedRates
    ) -> None:
        key, limit = a_key(), limit_of(2)
        a_day_ago = NOW - timedelta(days=1)
        for _ in range(2):
            await rates.take(key, limit, NOW)

        refusal = await rates.take(key, limit, a_day_ago)

        assert (refusal.is_allowed, refusal.reset_seconds) == (False, 60.0)
        assert (await rates.take(key, limit, a_day_ago + MINUTE)).is_allowed

    async def test_a_large_limit_is_never_exceeded_and_late_by_a_thousandth_at_most(self, rates: SharedRates) -> None:
        key, limit = a_key(), limit_of(1_500, 100 * SECOND)
        for number in range(1_500):
            verdict = await rates.take(key, limit, NOW + number * timedelta(milliseconds=2))
            assert verdict == RateVerdict(True, 1_500, 1_499 - number, 100.0)

        full = await rates.take(key, limit, NOW + 3 * SECOND)
        late = await rates.take(key, limit, NOW + 100 * SECOND + timedelta(milliseconds=100))

        assert not full.is_allowed
        assert 97.0 <= full.reset_seconds <= 97.1
        assert late.is_allowed
        assert late.remaining <= 51

    async def test_an_unreachable_counter_never_means_unlimited(
        self, rates: SharedRates, unreachable: Unreachable
    ) -> None:
        key, limit = a_key(), limit_of(1)

        async with unreachable:
            with pytest.raises(Unavailable):
                await rates.take(key, limit, NOW)

        assert [(await rates.take(key, limit, NOW)).is_allowed for _ in range(2)] == [True, False]
