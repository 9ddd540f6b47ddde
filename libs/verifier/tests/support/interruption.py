"""Something goes wrong at one await of many, whichever it is."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Coroutine, Generator
from typing import Any, TypeVar

_Result = TypeVar("_Result")


async def interrupted_at(point: int, error: BaseException, work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run ``work`` and have ``error`` raised in it where it waits for the ``point``-th time, counted from 0.

    It is raised at the innermost await, as by a socket that breaks there; with ``CancelledError`` the caller is
    cancelled there, by asyncio itself. Work that waits less often is not disturbed. Where it only lets others have
    their turn (``sleep(0)``) nothing but a cancellation can be raised, and nothing else is.
    """
    return await asyncio.create_task(_interrupted(point, error, work))


@types.coroutine
def _interrupted(point: int, error: BaseException, work: Coroutine[Any, Any, _Result]) -> Generator[Any, Any, _Result]:
    number = 0
    try:
        waiting_for = work.send(None)
        while True:
            lets_others = waiting_for is None and not isinstance(error, asyncio.CancelledError)
            if number == point and isinstance(error, asyncio.CancelledError):
                task = asyncio.current_task()
                assert task is not None
                # It takes effect with the next line, on what is waited for.
                task.cancel()
            elif number == point and not lets_others:
                # Nobody waits for it any more: what asyncio's tasks and futures agree on.
                waiting_for._asyncio_future_blocking = False
                waiting_for = work.throw(error)
                number += 1
                continue
            number += not lets_others
            try:
                answer = yield waiting_for
            except BaseException as raised:
                waiting_for = work.throw(raised)
            else:
                waiting_for = work.send(answer)
    except StopIteration as ended:
        result: _Result = ended.value
        return result
