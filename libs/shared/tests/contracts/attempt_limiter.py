"""What every attempt limiter promises."""

from datetime import timedelta
from uuid import uuid4

import pytest
from contracts.support import NOW, SECOND, Unreachable, crowd
from paseport_shared.domain.errors import TooManyAttempts, Unavailable
from paseport_shared.domain.ports.attempt_limiter import Attempt, AttemptLimiter, Limit

WINDOW = timedelta(minutes=15)
INSTANT = timedelta(milliseconds=1)


def a_counter(count: int = 3, window: timedelta = WINDOW) -> Attempt:
    """A counter that no other test uses."""
    return Attempt(f"login:account:{uuid4()}", Limit(count, window))


async def passes(limiter: AttemptLimiter, *attempts: Attempt, after: timedelta = timedelta(0)) -> bool:
    """Whether an attempt is let through that comes ``after`` the beginning."""
    try:
        await limiter.take(attempts, NOW + after)
    except TooManyAttempts:
        return False
    return True


class AttemptLimiterContract:
    """The adapter's file supplies the fixtures ``limiter`` and ``unreachable``."""

    async def test_a_guesser_gets_as_many_attempts_as_the_limit_says(self, limiter: AttemptLimiter) -> None:
        account = a_counter(3)

        assert [await passes(limiter, account) for _ in range(5)] == [True, True, True, False, False]

    async def test_the_refusal_says_when_the_next_attempt_counts(self, limiter: AttemptLimiter) -> None:
        """LG-16."""
        account = a_counter(2)
        await limiter.take([account], NOW)
        await limiter.take([account], NOW + 60 * SECOND)

        with pytest.raises(TooManyAttempts) as refusal:
            await limiter.take([account], NOW + 100 * SECOND)

        assert refusal.value.retry_after == WINDOW - 100 * SECOND
        assert not await passes(limiter, account, after=WINDOW - INSTANT)
        assert await passes(limiter, account, after=WINDOW)

    async def test_the_window_slides_exactly_and_knows_no_fixed_periods(self, limiter: AttemptLimiter) -> None:
        """A fixed window would let twice the limit through around its border."""
        account = a_counter(2)
        late = WINDOW - SECOND
        assert await passes(limiter, account)
        assert await passes(limiter, account, after=late)

        assert await passes(limiter, account, after=WINDOW)
        assert not await passes(limiter, account, after=WINDOW + INSTANT)
        assert not await passes(limiter, account, after=late + WINDOW - INSTANT)
        assert await passes(limiter, account, after=late + WINDOW)

    async def test_a_refused_attempt_does_not_prolong_the_wait(self, limiter: AttemptLimiter) -> None:
        """An attacker who keeps trying must not keep the owner out."""
        account = a_counter(1)
        assert await passes(limiter, account)
        for minute in range(1, 15):
            assert not await passes(limiter, account, after=timedelta(minutes=minute))

        assert await passes(limiter, account, after=WINDOW)

    async def test_one_used_up_counter_refuses_and_none_is_counted(self, limiter: AttemptLimiter) -> None:
        address, account = a_counter(1), a_counter(2)
        assert await passes(limiter, address, account)

        assert not await passes(limiter, address, account)
        assert not await passes(limiter, account, address)

        assert await passes(limiter, account)
        assert not await passes(limiter, account)

    async def test_the_longest_wait_of_the_used_up_counters_is_told(self, limiter: AttemptLimiter) -> None:
        short, long, free = a_counter(1, 10 * SECOND), a_counter(1, 90 * SECOND), a_counter(9)
        await limiter.take([short, long, free], NOW)

        with pytest.raises(TooManyAttempts) as refusal:
            await limiter.take([free, short, long], NOW + SECOND)

        assert refusal.value.retry_after == 89 * SECOND

    async def test_counters_of_other_keys_are_untouched(self, limiter: AttemptLimiter) -> None:
        """LG-11: who floods one account locks nobody else out."""
        victim, bystander = a_counter(1), a_counter(1)
        await limiter.take([victim], NOW)

        assert not await passes(limiter, victim)
        assert await passes(limiter, bystander)

    async def test_keys_are_told_apart_whatever_stands_in_them(self, limiter: AttemptLimiter) -> None:
        stem = f"login:address:{uuid4()}"
        limit = Limit(1, WINDOW)
        keys = [stem, f"{stem} ", f"{stem}:", f"{stem}*", f"{stem}\x00", f"{stem}\n", f"{stem}ß", f"{stem}ss"]

        assert [await passes(limiter, Attempt(key, limit)) for key in keys] == [True] * len(keys)

    async def test_the_right_password_gives_the_attempts_back(self, limiter: AttemptLimiter) -> None:
        account, other = a_counter(2), a_counter(1)
        await limiter.take([account, other], NOW)
        await limiter.take([account], NOW)

        await limiter.forgive(account.key)

        assert [await passes(limiter, account) for _ in range(3)] == [True, True, False]
        assert not await passes(limiter, other)

    async def test_forgiving_a_key_without_attempts_is_harmless(self, limiter: AttemptLimiter) -> None:
        account = a_counter(1)

        await limiter.forgive(account.key)

        assert await passes(limiter, account)

    async def test_of_a_crowd_at_once_no_more_than_the_limit_pass(self, limiter: AttemptLimiter) -> None:
        account = a_counter(7)

        answers = await crowd(lambda: passes(limiter, account))

        assert answers.count(True) == 7

    async def test_an_empty_list_of_counters_lets_everybody_pass(self, limiter: AttemptLimiter) -> None:
        assert await passes(limiter)

    async def test_an_unreachable_limiter_never_means_unlimited(
        self, limiter: AttemptLimiter, unreachable: Unreachable
    ) -> None:
        """LG-16."""
        account = a_counter(1)

        async with unreachable:
            with pytest.raises(Unavailable):
                await limiter.take([account], NOW)
            with pytest.raises(Unavailable):
                await limiter.forgive(account.key)

        assert [await passes(limiter, account) for _ in range(2)] == [True, False]
