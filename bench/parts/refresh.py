"""How long one refresh takes while nobody else asks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from bench.figures import Bound, Figure, Gate, figure_of, percentile
from bench.http import Connection, connections
from bench.product import ADMIN, Product, running, signed_in

_ROUNDS: Final = 5
_REFRESHES: Final = 400


async def measure_refresh() -> Sequence[Figure]:
    """Refresh one after the other over one connection, each with the token of the answer before."""
    middle, slow = [], []
    async with running() as product, connections(product.port, 1) as (connection,):
        token = (await product.sign_in(connection, ADMIN)).refresh_token
        token, _ = await _refresh(product, connection, token)
        for _ in range(_ROUNDS):
            token, milliseconds = await _refresh(product, connection, token)
            middle.append(percentile(milliseconds, 0.5))
            slow.append(percentile(milliseconds, 0.99))
    return [
        figure_of("refresh over HTTP, p50", "ms", middle, Gate(Bound.AT_MOST, 5)),
        figure_of("refresh over HTTP, p99", "ms", slow),
    ]


async def _refresh(product: Product, connection: Connection, token: str) -> tuple[str, list[float]]:
    milliseconds = []
    for _ in range(_REFRESHES):
        message = product.refresh(token)
        began = time.perf_counter()
        answer = await connection.ask(message)
        milliseconds.append((time.perf_counter() - began) * 1e3)
        token = signed_in(answer).refresh_token
    return token, milliseconds
