"""Limits that each process counts on its own."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paseport_shared.domain.models.rate_limit import LocalRates, RateLimit, RateVerdict, grain

MINUTE = timedelta(minutes=1)
TEN = RateLimit(10, MINUTE)


def passed(rates: LocalRates, limit: RateLimit, moments: list[float], key: str = "k") -> int:
    return sum(rates.take(key, limit, moment).is_allowed for moment in moments)


def test_as_many_pass_as_the_limit_says_and_each_is_told_what_is_left() -> None:
    rates = LocalRates()

    verdicts = [rates.take("k", RateLimit(2, MINUTE), 100.0) for _ in range(3)]

    assert verdicts[:2] == [RateVerdict(True, 2, 1, 60.0), RateVerdict(True, 2, 0, 60.0)]
    assert (verdicts[2].is_allowed, verdicts[2].limit, verdicts[2].remaining) == (False, 2, 0)
    assert verdicts[2].reset_seconds == pytest.approx(60.0, abs=0.01)


def test_the_window_before_counts_by_the_part_that_is_still_covered() -> None:
    rates = LocalRates()
    assert passed(rates, TEN, [0.0] * 20) == 10

    assert passed(rates, TEN, [75.0] * 20) == 3  # of ten, 7.5 still count
    assert passed(rates, TEN, [90.0] * 20) == 2


def test_who_keeps_to_the_limit_is_never_refused() -> None:
    """Once a minute, where one a minute is allowed."""
    rates = LocalRates()

    assert passed(rates, RateLimit(1, MINUTE), [60.01 * number for number in range(100)]) == 100


def test_after_a_long_pause_all_of_the_limit_is_there() -> None:
    rates = LocalRates()
    passed(rates, TEN, [0.0] * 10)

    assert passed(rates, TEN, [120.0] * 20) == 10


def test_what_is_refused_does_not_count() -> None:
    rates = LocalRates()
    passed(rates, TEN, [float(second) for second in range(60)])

    assert passed(rates, TEN, [120.0] * 20) == 10


def test_keys_do_not_count_each_other() -> None:
    rates = LocalRates()
    assert passed(rates, TEN, [0.0] * 20, "a") == 10

    assert passed(rates, TEN, [0.0] * 20, "b") == 10


@pytest.mark.parametrize(("shares", "each"), [(1, 10), (2, 5), (3, 4), (10, 1), (1000, 1)])
def test_each_of_several_processes_allows_its_part_and_at_least_one_request(shares: int, each: int) -> None:
    rates = LocalRates(shares=shares)

    assert passed(rates, TEN, [0.0] * 20) == each
    assert rates.take("other", TEN, 0.0).limit == each


def test_a_flood_of_keys_does_not_fill_the_memory_and_the_one_that_came_longest_ago_goes_first() -> None:
    rates = LocalRates(kept=3)
    one = RateLimit(1, MINUTE)
    for key in ("a", "b", "c", "a", "d"):
        rates.take(key, one, 0.0)

    assert len(rates._windows) == 3
    assert not rates.take("a", one, 1.0).is_allowed
    assert rates.take("b", one, 1.0).is_allowed


@given(
    st.integers(1, 5),
    st.lists(st.floats(0, 40).map(lambda step: round(step, 3)), max_size=60),
)
def test_whoever_waits_as_told_is_let_in(count: int, steps: list[float]) -> None:
    """``Retry-After`` is a promise."""
    rates, limit, moment = LocalRates(), RateLimit(count, MINUTE), 0.0
    for step in steps:
        moment += step
        verdict = rates.take("k", limit, moment)
        if not verdict.is_allowed:
            assert 0 < verdict.reset_seconds <= 60.01
            moment += verdict.reset_seconds
            assert rates.take("k", limit, moment).is_allowed


@given(st.integers(1, 20), st.lists(st.floats(0, 30), max_size=100))
def test_one_window_lets_no_more_in_than_the_limit_and_two_in_a_row_no_more_than_twice(
    count: int, steps: list[float]
) -> None:
    rates, limit, moment, let_in = LocalRates(), RateLimit(count, MINUTE), 0.0, list[float]()
    for step in steps:
        moment += step
        if rates.take("k", limit, moment).is_allowed:
            let_in.append(moment)

    for begin in let_in:
        assert sum(begin <= other < begin + 60 for other in let_in) <= 2 * count


def test_large_limits_are_kept_by_thousandths_of_their_window_and_others_exactly() -> None:
    assert grain(RateLimit(1_000, MINUTE)) == timedelta(0)
    assert grain(RateLimit(1_001, MINUTE)) == timedelta(milliseconds=60)


@given(
    count=st.integers(1, 20),
    shares=st.integers(1, 4),
    steps=st.lists(st.floats(0, 15), min_size=1, max_size=60),
)
def test_whoever_asks_for_no_figures_is_admitted_exactly_as_who_does(
    count: int, shares: int, steps: list[float]
) -> None:
    plain, quick = LocalRates(shares=shares), LocalRates(shares=shares)
    limit, moment = RateLimit(count, timedelta(seconds=10)), 1000.0

    for step in steps:
        moment += step
        assert quick.admits("key", limit, moment) == plain.take("key", limit, moment).is_allowed
