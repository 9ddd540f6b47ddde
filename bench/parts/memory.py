"""The memory of a process that has signed somebody in and has nothing to do."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from bench.figures import Bound, Figure, Gate, figure_of
from bench.http import connections
from bench.processes import resident_mib
from bench.product import ADMIN, running

_ROUNDS: Final = 3
_IDLE_SECONDS: Final = 5.0
_LOOKS: Final = 10


async def measure_memory() -> Sequence[Figure]:
    """Sign in, leave it alone for five seconds, and take the largest resident size seen in them."""
    sizes = []
    for _ in range(_ROUNDS):
        async with running() as product, connections(product.port, 1) as (connection,):
            tokens = await product.sign_in(connection, ADMIN)
            await connection.ask(product.dashboard(tokens.access_token))
            looks = []
            for _ in range(_LOOKS):
                await asyncio.sleep(_IDLE_SECONDS / _LOOKS)
                looks.append(resident_mib(product.pid))
            sizes.append(max(looks))
    return [figure_of("resident memory, idle", "MiB", sizes, Gate(Bound.AT_MOST, 150))]
