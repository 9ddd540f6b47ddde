"""What the adapters' tests share."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable

import pytest
import uvloop


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "each_event_loop: run on asyncio's own loop and on uvloop, as in production")


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    factories: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    if item.get_closest_marker("each_event_loop") is not None:
        factories["uvloop"] = uvloop.new_event_loop
    return factories


@pytest.fixture
async def connections_end() -> AsyncIterator[None]:
    """Keep the test's event loop until every thread of aiosqlite has ended.

    A connection that could not be opened is given up without waiting: its thread still reports to the loop that it
    stopped, and raises where that loop is closed already.
    """
    yield
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            await asyncio.to_thread(thread.join, 1)
