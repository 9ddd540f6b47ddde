"""What the adapters' tests share."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest


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
