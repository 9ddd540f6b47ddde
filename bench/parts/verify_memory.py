"""The memory of a worker of the api whose cache of verified tokens is full."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from bench.figures import Bound, Figure, Gate, figure_of
from bench.http import Connection, connections
from bench.processes import cpu_seconds, resident_mib
from bench.product import expect
from bench.verifying import minted, serving

_TOKENS: Final = 20_000
"""As many as a worker remembers."""
_CONNECTIONS: Final = 16
_IDLE_SECONDS: Final = 5.0
_LOOKS: Final = 10


async def measure_verify_memory() -> Sequence[Figure]:
    """Show each token twice in a row, so that each is kept, and all once more: then none is verified again."""
    async with minted(_TOKENS) as (folder, log), serving(folder, log) as server:
        (pid,) = server.pids
        fresh = resident_mib(pid)
        first = await _ask(server.port, [message for message in server.requests for _ in range(2)], pid)
        again = await _ask(server.port, server.requests, pid)
        looks = []
        for _ in range(_LOOKS):
            await asyncio.sleep(_IDLE_SECONDS / _LOOKS)
            looks.append(resident_mib(pid))
    return [
        figure_of("api, resident memory when it is ready", "MiB", [fresh]),
        # The largest counts.
        Figure(
            f"… after {_TOKENS} tokens, twice each",
            "MiB",
            min(looks),
            max(looks),
            max(looks),
            Gate(Bound.AT_MOST, 90, 75),
        ),
        figure_of("CPU of showing a new token twice, each time", "µs", [first]),
        figure_of("CPU of showing it a third time", "µs", [again]),
    ]


async def _ask(port: int, messages: Sequence[bytes], pid: int) -> float:
    """Send everything once, and return the microseconds of processor time that the server took for one."""

    async def ask(connection: Connection, own: Sequence[bytes]) -> None:
        for message in own:
            expect(await connection.ask(message), 200)

    share = -(-len(messages) // _CONNECTIONS)
    async with connections(port, _CONNECTIONS) as opened:
        before = cpu_seconds(pid)
        await asyncio.gather(
            *(ask(connection, messages[n * share : (n + 1) * share]) for n, connection in enumerate(opened))
        )
        return (cpu_seconds(pid) - before) / len(messages) * 1e6
