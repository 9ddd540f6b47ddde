"""The queue in front of the connections to the record."""

import asyncio
from datetime import timedelta

import pytest
from paseport_shared.adapters.sql.places import Places
from paseport_shared.domain.errors import Overloaded

LONG = timedelta(minutes=5)
SHORT = timedelta(milliseconds=10)


@pytest.fixture
def places() -> Places:
    """Two places, one caller may wait."""
    return Places(2, 1, LONG)


async def test_callers_take_places_until_there_is_none_and_the_next_ones_wait(places: Places) -> None:
    for _ in range(2):
        await places.take()
    waiting = asyncio.create_task(places.take())
    await asyncio.sleep(0)
    counted = (places.capacity, places.in_use, places.waiting)

    places.give_back()
    await waiting

    assert counted == (2, 2, 1)
    assert (places.in_use, places.waiting) == (2, 0)


async def test_who_finds_the_queue_full_is_refused_at_once(places: Places) -> None:
    """FT-16."""
    for _ in range(2):
        await places.take()
    waiting = asyncio.create_task(places.take())
    await asyncio.sleep(0)

    with pytest.raises(Overloaded) as refusal:
        await places.take()
    places.give_back()
    await waiting

    assert refusal.value.reason == "every connection to the record is busy and the queue is full"
    assert (places.in_use, places.waiting) == (2, 0)


async def test_who_waits_too_long_is_refused_and_takes_nothing() -> None:
    """FT-16."""
    places = Places(1, 5, SHORT)
    await places.take()

    refusals = await asyncio.gather(*(places.take() for _ in range(5)), return_exceptions=True)
    waiting = places.waiting
    places.give_back()
    await places.take()

    assert [type(refusal) for refusal in refusals] == [Overloaded] * 5
    assert (places.in_use, waiting) == (1, 0)


async def test_callers_are_served_in_the_order_of_their_coming() -> None:
    places = Places(1, 10, LONG)
    await places.take()
    served: list[int] = []

    async def call(number: int) -> None:
        await places.take()
        served.append(number)
        places.give_back()

    calls = [asyncio.create_task(call(number)) for number in range(10)]
    await asyncio.sleep(0)
    calls[3].cancel()
    places.give_back()
    await asyncio.gather(*calls, return_exceptions=True)

    assert served == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert (places.in_use, places.waiting) == (0, 0)


@pytest.mark.parametrize("moment", range(4))
async def test_a_caller_who_goes_away_when_it_is_his_turn_passes_it_on(moment: int) -> None:
    places = Places(1, 10, LONG)
    await places.take()
    leaving = asyncio.create_task(places.take())
    behind = asyncio.create_task(places.take())
    await asyncio.sleep(0)

    places.give_back()
    for _ in range(moment):
        await asyncio.sleep(0)
    leaving.cancel()
    [outcome] = await asyncio.gather(leaving, return_exceptions=True)
    if outcome is None:
        places.give_back()
    await asyncio.wait_for(behind, timeout=30)

    assert places.in_use == 1


async def test_a_place_is_free_when_its_connection_is_clean_and_not_before(places: Places) -> None:
    clean = asyncio.Event()

    async def cleaning() -> None:
        await clean.wait()

    await places.take()
    cleaner = asyncio.create_task(cleaning())
    places.give_back_after(cleaner)
    meanwhile = places.in_use
    clean.set()
    await cleaner
    await asyncio.sleep(0)

    assert (meanwhile, places.in_use) == (1, 0)


@pytest.mark.parametrize(("capacity", "queue"), [(0, 1), (1, -1)])
def test_a_queue_without_places_is_a_mistake(capacity: int, queue: int) -> None:
    with pytest.raises(ValueError, match="at least one place"):
        Places(capacity, queue, LONG)
