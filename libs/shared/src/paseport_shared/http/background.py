"""Work that a service does beside its requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import structlog

Job = Callable[[], Awaitable[None]]

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def in_background(jobs: Mapping[str, Job]) -> AsyncIterator[None]:
    """Run ``jobs`` (by name) while the block lasts, and cancel them at its end.

    A job ends only by a bug: what can be unavailable is its own to wait for. It is not started again, since a
    verifier whose copy of the revocations grows stale refuses everybody, which is the right answer; the log says so.
    """
    tasks = [asyncio.create_task(_supervised(name, job), name=name) for name, job in jobs.items()]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _supervised(name: str, job: Job) -> None:
    try:
        await job()
    except Exception:
        _log.critical("background job ended by an error, it is not started again", job=name, exc_info=True)
        raise
