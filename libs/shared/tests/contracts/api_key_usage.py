"""What every store of uses on their way to the record promises."""

from collections import Counter
from datetime import timedelta

import pytest
from contracts.api_key_samples import NOW, a_key_id
from contracts.support import CROWD, Unreachable, at_once, crowd
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.api_key import ApiKeyUse
from paseport_shared.domain.ports.api_key_usage import ApiKeyUsage

LATER = NOW + timedelta(microseconds=1)


def a_use(number: int = 1, count: int = 1, seconds: float = 0) -> ApiKeyUse:
    return ApiKeyUse(a_key_id(number), count, NOW + timedelta(seconds=seconds))


class ApiKeyUsageContract:
    """The adapter's file supplies the fixtures ``usage``, empty, and ``unreachable``."""

    async def test_a_use_is_taken_once(self, usage: ApiKeyUsage) -> None:
        use = ApiKeyUse(a_key_id(1), 2**40, LATER)
        await usage.add([use])

        assert await usage.take(10) == (use,)
        assert await usage.take(10) == ()

    async def test_what_several_nodes_saw_of_one_key_is_added_up(self, usage: ApiKeyUsage) -> None:
        await usage.add([a_use(1, 3, seconds=5), a_use(2, 1)])
        await usage.add([a_use(1, 4, seconds=9), a_use(1, 2, seconds=1)])

        assert sorted(await usage.take(10), key=lambda use: use.key_id) == [a_use(1, 9, seconds=9), a_use(2, 1)]

    async def test_the_last_use_never_goes_back(self, usage: ApiKeyUsage) -> None:
        """By the moment, not by its digits: these two differ in how many they have."""
        early = NOW.replace(year=1999)
        await usage.add([a_use(1)])
        await usage.add([ApiKeyUse(a_key_id(1), 1, early), ApiKeyUse(a_key_id(2), 1, early)])
        await usage.add([a_use(2)])

        assert sorted(await usage.take(10), key=lambda use: use.key_id) == [a_use(1, 2), a_use(2, 2)]

    @pytest.mark.parametrize("limit", [1, 7, 250, 1_000])
    async def test_they_are_taken_in_bounded_batches_until_none_is_left(self, usage: ApiKeyUsage, limit: int) -> None:
        await usage.add([a_use(number, count=number + 1) for number in range(500)])

        taken: list[ApiKeyUse] = []
        while batch := await usage.take(limit):
            assert len(batch) <= limit
            taken += batch

        assert sorted(taken, key=lambda use: use.count) == [a_use(number, count=number + 1) for number in range(500)]

    async def test_nothing_can_be_added(self, usage: ApiKeyUsage) -> None:
        await usage.add([])

        assert await usage.take(1) == ()

    async def test_of_a_crowd_that_adds_no_count_is_lost(self, usage: ApiKeyUsage) -> None:
        await at_once([usage.add([a_use(1, 2, seconds), a_use(2)]) for seconds in range(CROWD)])

        taken = sorted(await usage.take(10), key=lambda use: use.key_id)
        assert taken == [a_use(1, 2 * CROWD, CROWD - 1), a_use(2, CROWD)]

    async def test_of_a_crowd_that_takes_each_use_reaches_one(self, usage: ApiKeyUsage) -> None:
        await usage.add([a_use(number) for number in range(3 * CROWD)])

        taken = Counter(use.key_id for batch in await crowd(lambda: usage.take(5)) for use in batch)

        assert taken == Counter(a_key_id(number) for number in range(3 * CROWD))

    async def test_while_it_is_unreachable_it_says_so_and_keeps_what_it_has(
        self, usage: ApiKeyUsage, unreachable: Unreachable
    ) -> None:
        await usage.add([a_use()])

        async with unreachable:
            for call in (lambda: usage.add([a_use()]), lambda: usage.take(10)):
                with pytest.raises(Unavailable):
                    await call()

        assert await usage.take(10) == (a_use(),)
