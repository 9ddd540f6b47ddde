"""Apis of the production stack that decide about tokens: asked all the time, or until they know of a change."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from paseport_api.handlers.principal import PATH

from bench.figures import BenchProblem
from bench.http import Answer, Connection, connections
from bench.load import Generator, Job, Measured, generator
from bench.product import Product

_RATE: Final = 300.0
"""Decisions a second on each api."""
_LOAD_CONNECTIONS: Final = 8
_LOAD_SECONDS: Final = 2.0
_GIVE_UP_SECONDS: Final = 15.0


class Watch:
    """A connection to each api."""

    def __init__(self, apis: Sequence[Product], opened: Sequence[Connection]) -> None:
        self._apis = list(zip(apis, opened, strict=True))

    async def ask(self, token: str) -> list[Answer]:
        """Return what each api answers to ``token`` now."""
        return [await connection.ask(_who_am_i(api, token)) for api, connection in self._apis]

    async def __call__(self, token: str, is_so: Callable[[Answer], bool]) -> list[float]:
        """Ask each api until it is so; return after how many milliseconds each said so."""
        began = time.perf_counter()

        async def watch(api: Product, connection: Connection) -> float:
            message = _who_am_i(api, token)
            while not is_so(await connection.ask(message)):
                if time.perf_counter() - began > _GIVE_UP_SECONDS:
                    raise BenchProblem(f"an api does not know of a change after {_GIVE_UP_SECONDS:.0f} s")
            return (time.perf_counter() - began) * 1e3

        return await asyncio.gather(*(watch(*one) for one in self._apis))


@contextlib.asynccontextmanager
async def watching(apis: Sequence[Product]) -> AsyncIterator[Watch]:
    """Open the connections of a watch: new ones for each, since services close those that say nothing for a while."""
    async with AsyncExitStack() as stack:
        opened = [(await stack.enter_async_context(connections(api.port, 1)))[0] for api in apis]
        yield Watch(apis, opened)


@contextlib.asynccontextmanager
async def under_load(apis: Sequence[Product], tokens: Sequence[str]) -> AsyncIterator[list[Measured]]:
    """Ask each api all the time, with all of ``tokens``, which may become more.

    Yields what was measured so far, in periods of some seconds.
    """
    loads: list[Measured] = []
    ends = asyncio.Event()

    async def keep_asking(api: Product, load: Generator) -> None:
        while not ends.is_set():
            job = Job(
                api.port,
                api.pid,
                [_who_am_i(api, token) for token in tokens],
                0.0,
                _LOAD_SECONDS,
                connections=_LOAD_CONNECTIONS,
                per_second=_RATE,
            )
            loads.append(await load.run(job))

    with tempfile.TemporaryDirectory(prefix="paseport-bench-") as folder:
        async with AsyncExitStack() as stack:
            log = Path(folder) / "log"
            generators = [await stack.enter_async_context(generator(log, pinned=False)) for _ in apis]
            asking = [asyncio.create_task(keep_asking(*one)) for one in zip(apis, generators, strict=True)]
            try:
                yield loads
            finally:
                ends.set()
                await asyncio.wait(asking)
            for one in asking:
                one.result()


def _who_am_i(api: Product, token: str) -> bytes:
    return api.request("GET", PATH, authorization=f"Bearer {token}")
