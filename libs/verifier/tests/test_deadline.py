"""What arrived while the process stood still counts; who is silent is late all the same."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from paseport.deadline import Alarm, Deadline
from standstill import stand_still

SHORT_SECONDS = 0.05
STANDSTILL_SECONDS = 0.3


async def some_turns() -> None:
    """Let the loop do what is due."""
    for _ in range(3):
        await asyncio.sleep(0)


@dataclass
class Somebody:
    """Who is asked, and what comes from there."""

    reader: asyncio.StreamReader
    other_end: socket.socket


@pytest.fixture
async def somebody() -> AsyncIterator[Somebody]:
    near, far = socket.socketpair()
    with far:
        reader, writer = await asyncio.open_connection(sock=near)
        yield Somebody(reader, far)
        writer.close()
        await writer.wait_closed()


async def test_an_answer_that_arrived_while_the_process_stood_still_is_in_time(somebody: Somebody) -> None:
    async with Deadline(SHORT_SECONDS):
        reading = asyncio.ensure_future(somebody.reader.readexactly(6))
        await asyncio.sleep(0)
        somebody.other_end.send(b"answer")
        stand_still(STANDSTILL_SECONDS)
        answer = await reading

    assert answer == b"answer"


async def test_who_is_silent_is_late_after_a_standstill_too(somebody: Somebody) -> None:
    async def read() -> bytes:
        stand_still(STANDSTILL_SECONDS)
        return await somebody.reader.readexactly(6)

    began = time.monotonic()

    with pytest.raises(TimeoutError):
        async with Deadline(SHORT_SECONDS) as deadline:
            await read()

    assert deadline.expired()
    assert time.monotonic() - began >= 2 * STANDSTILL_SECONDS - SHORT_SECONDS


async def test_who_is_silent_is_late(somebody: Somebody) -> None:
    with pytest.raises(TimeoutError):
        async with Deadline(SHORT_SECONDS) as deadline:
            await somebody.reader.readexactly(6)

    assert deadline.expired()


async def test_what_the_block_raises_is_not_the_deadline() -> None:
    with pytest.raises(TimeoutError):
        async with Deadline(60) as deadline:
            raise TimeoutError

    assert not deadline.expired()


async def test_who_is_cancelled_is_not_late() -> None:
    deadline = Deadline(60)

    async def wait() -> None:
        async with deadline:
            await asyncio.Event().wait()

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not deadline.expired()


async def test_nothing_rings_after_the_block() -> None:
    problems: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))

    async with Deadline(SHORT_SECONDS):
        pass

    await asyncio.sleep(2 * SHORT_SECONDS)
    assert problems == []


async def test_an_alarm_is_put_off_once_however_late_the_loop_is() -> None:
    loop, rang = asyncio.get_running_loop(), asyncio.Event()
    Alarm(loop, loop.time(), rang.set)

    stand_still(STANDSTILL_SECONDS)
    await some_turns()
    assert not rang.is_set()
    stand_still(2 * STANDSTILL_SECONDS)
    await some_turns()
    assert rang.is_set()


async def test_an_alarm_that_is_cancelled_while_it_is_put_off_does_not_ring() -> None:
    loop, rang = asyncio.get_running_loop(), asyncio.Event()
    alarm = Alarm(loop, loop.time(), rang.set)
    stand_still(STANDSTILL_SECONDS)
    await some_turns()

    alarm.cancel()

    await asyncio.sleep(2 * STANDSTILL_SECONDS)
    assert not rang.is_set()
