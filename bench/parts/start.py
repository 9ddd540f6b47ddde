"""From starting the process on an empty folder to the first token."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from bench.figures import Bound, Figure, Gate, figure_of
from bench.http import connections
from bench.processes import cpu_seconds
from bench.product import ADMIN, running

_ROUNDS: Final = 3


async def measure_start() -> Sequence[Figure]:
    """Start, sign the first administrator in, end; three times. The first start also makes keys and database."""
    served, first_token, cpu = [], [], []
    for _ in range(_ROUNDS):
        async with running() as product, connections(product.port, 1) as (connection,):
            served.append(time.perf_counter() - product.started_at)
            await product.sign_in(connection, ADMIN)
            first_token.append(time.perf_counter() - product.started_at)
            cpu.append(cpu_seconds(product.pid))
    return [
        figure_of("start → serving", "s", served),
        figure_of("start → first token", "s", first_token, Gate(Bound.AT_MOST, 5)),
        figure_of("… processor time of it", "s", cpu),
    ]
