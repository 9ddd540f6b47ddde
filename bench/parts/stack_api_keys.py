"""A million API keys in Redis: what they weigh, how long finding one takes, and what a worker keeps of many."""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

from paseport_shared.domain.ports.api_key_directory import ApiKeyDirectory
from paseport_testkit.harness.redis import RedisNode

from bench.api_keys import asks_about, forward_auth, key_id, key_text, put_keys
from bench.figures import BenchProblem, Bound, Figure, Gate, figure_of
from bench.http import Connection, connections
from bench.processes import resident_mib
from bench.product import expect
from bench.servers import node_variables, open_key_directory, running_servers
from bench.verifying import workers_of

_FEW: Final = 1_000
_MANY: Final = 1_000_000
_SHOWN: Final = 200_000
"""Ten times as many as a worker remembers."""
_ROUNDS: Final = 7
_LOOKUPS: Final = 2_000
_CONNECTIONS: Final = 16
_OPTIONS: Final = (
    "min-replicas-to-write 0",
    # What lies in memory is what is measured, and there is more of it than a test needs.
    "maxmemory 4gb",
    "appendonly no",
)


async def measure_stack_api_keys() -> Sequence[Figure]:
    """Fill a node with a thousand keys and one with a million; find some in both, in turns; show many to an api."""
    async with AsyncExitStack() as stack:
        small, large = [
            await stack.enter_async_context(running_servers(lambda folder: RedisNode(folder, options=_OPTIONS)))
            for _ in range(2)
        ]
        few, many = [await stack.enter_async_context(open_key_directory(node)) for node in (small, large)]
        await put_keys(few, range(_FEW))
        empty = _used_bytes(large)
        began = time.perf_counter()
        await put_keys(many, range(_MANY))
        seconds = time.perf_counter() - began
        each = (_used_bytes(large) - empty) / _MANY
        await many.mark_complete()
        rounds = [(await _look_up(few, _FEW), await _look_up(many, _MANY)) for _ in range(_ROUNDS)]
        memory = await _show(large)
    return [
        figure_of(f"{_MANY} API keys in Redis: each", "bytes", [each], Gate(Bound.AT_MOST, 1024)),
        figure_of("… making and storing them", "/s", [_MANY / seconds]),
        figure_of(f"finding one of {_FEW}", "µs", [one for one, _ in rounds]),
        figure_of(f"finding one of {_MANY}", "µs", [other for _, other in rounds]),
        # Twice as long would be a difference; a fifth is what neighbours on the machine make.
        figure_of("… ÷ one of the few", "", [other / one for one, other in rounds], Gate(Bound.AT_MOST, 1.2)),
        *memory,
    ]


async def _look_up(directory: ApiKeyDirectory, count: int) -> float:
    """Find keys one after the other, and return the microseconds for one."""
    ids = [key_id(random.randrange(count)) for _ in range(_LOOKUPS)]
    began = time.perf_counter()
    for one in ids:
        if await directory.find(one) is None:
            raise BenchProblem(f"the key {one} is not there")
    return (time.perf_counter() - began) / _LOOKUPS * 1e6


async def _show(node: RedisNode) -> list[Figure]:
    """Show keys to a worker of the api, each of them once, and return how much memory it has at the end and before."""
    with tempfile.TemporaryDirectory(prefix="paseport-bench-") as folder:
        environment = {**os.environ, **node_variables(node, node.users.api)}
        log = Path(folder) / "log"
        async with workers_of(
            "bench.forward_auth_server", requests=[], log=log, count=1, environment=environment
        ) as server:
            (pid,) = server.pids
            sizes = [resident_mib(pid)]
            async with connections(server.port, _CONNECTIONS) as opened:
                for first in (0, _SHOWN // 2):
                    await _ask(opened, range(first, first + _SHOWN // 2))
                    sizes.append(resident_mib(pid))
    fresh, halfway, end = sizes
    return [
        figure_of("api, resident memory when it is ready", "MiB", [fresh]),
        figure_of(f"… after {_SHOWN // 2} keys", "MiB", [halfway]),
        figure_of(f"… after {_SHOWN} keys", "MiB", [end], Gate(Bound.AT_MOST, 200, 130)),
        figure_of("… ÷ after half of them", "", [end / halfway], Gate(Bound.AT_MOST, 1.1)),
    ]


async def _ask(opened: Sequence[Connection], numbers: range) -> None:
    async def ask(connection: Connection, own: range) -> None:
        for number in own:
            expect(await connection.ask(forward_auth(key_text(number), asks_about(number))), 204)

    await asyncio.gather(*(ask(connection, numbers[n :: len(opened)]) for n, connection in enumerate(opened)))


def _used_bytes(node: RedisNode) -> int:
    with node.admin() as client:
        info: Any = client.info("memory")
    return int(info["used_memory"])
