"""Sign-ins per second beside the bcrypt hashes per second that the same processors compute."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.figures import Bound, Figure, Gate, figure_of
from bench.http import Connection, connections
from bench.processes import read_line, started, write_line
from bench.product import Product, running_with, signed_in

_COST: Final = 12
"""That of the product."""
_ROUNDS: Final = 6
_WAITING: Final = 3
"""Callers beyond the number of threads, so that no thread waits for the network."""


async def measure_login() -> Sequence[Figure]:
    """Take turns: the same number of sign-ins and of bare hashes, which of them first changing with every round."""
    threads = os.cpu_count() or 1
    # A multiple of the threads, so that neither side ends on a single busy one.
    count = 12 * threads
    hashes, logins = [], []
    with tempfile.TemporaryDirectory(prefix="paseport-bench-") as folder:
        log = Path(folder) / "log"
        async with (
            running_with(threads + _WAITING) as (product, users),
            started("python", "-m", "bench.hashing", str(_COST), log=log) as yardstick,
        ):
            await _hash(yardstick, log, threads)
            await _sign_in(product, users, len(users))
            for number in range(_ROUNDS):
                if number % 2:
                    logins.append(await _sign_in(product, users, count))
                hashes.append(await _hash(yardstick, log, count))
                if not number % 2:
                    logins.append(await _sign_in(product, users, count))
    ratios = [login / hashed for login, hashed in zip(logins, hashes, strict=True)]
    return [
        figure_of(f"bcrypt cost {_COST}, {threads} threads", "/s", hashes),
        figure_of(f"sign-ins, {threads + _WAITING} at a time", "/s", logins),
        figure_of("sign-ins ÷ bcrypt", "", ratios, Gate(Bound.AT_LEAST, 0.9, 0.95)),
    ]


async def _hash(yardstick: asyncio.subprocess.Process, log: Path, count: int) -> float:
    await write_line(yardstick, str(count))
    return count / float(await read_line(yardstick, log, 60))


async def _sign_in(product: Product, users: Sequence[str], count: int) -> float:
    left = count

    async def keep_signing_in(connection: Connection, user: str) -> None:
        # Each connection has a user of its own: an account bears ten tries at a time, and success forgives them.
        nonlocal left
        while left:
            left -= 1
            signed_in(await connection.ask(product.login(user)))

    # New connections every time: the server closes those that say nothing while the hashes have their turn.
    async with connections(product.port, len(users)) as opened:
        began = time.perf_counter()
        await asyncio.gather(*map(keep_signing_in, opened, users))
        return count / (time.perf_counter() - began)
