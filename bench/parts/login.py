"""Sign-ins per second beside the bcrypt hashes per second that the same processors compute."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.figures import Bound, Figure, Gate, figure_of
from bench.http import Connection, connections
from bench.processes import cpu_seconds, read_line, started, write_line
from bench.product import Product, running_with, signed_in

_COST: Final = 12
"""That of the product."""
_ROUNDS: Final = 14
_WAITING: Final = 3
"""Callers beyond the number of threads, so that no thread waits for the network."""


async def measure_login() -> Sequence[Figure]:
    """Take turns: the same number of sign-ins and of bare hashes, which of them first changing with every round."""
    threads = os.cpu_count() or 1
    # A multiple of the threads, so that neither side ends on a single busy one.
    count = 4 * threads
    hashes: list[_Rate] = []
    logins: list[_Rate] = []
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
    pairs = list(zip(hashes, logins, strict=True))
    return [
        figure_of(f"bcrypt cost {_COST}, {threads} threads", "/s", [hashed.per_second for hashed in hashes]),
        figure_of(f"sign-ins, {threads + _WAITING} at a time", "/s", [login.per_second for login in logins]),
        _ratio(
            "sign-ins ÷ bcrypt, /s",
            [(1 / hashed.per_second, 1 / login.per_second) for hashed, login in pairs],
            Gate(Bound.AT_LEAST, 0.9, 0.95),
        ),
        _ratio("bcrypt ÷ sign-in, CPU", [(hashed.cpu_seconds, login.cpu_seconds) for hashed, login in pairs]),
    ]


def _ratio(what: str, pairs: Sequence[tuple[float, float]], gate: Gate | None = None) -> Figure:
    """Return hashing time ÷ signing-in time of the whole run, since all rounds did the same work, and its range.

    A round lasts about a second: a neighbour that wakes up in one distorts that ratio, and the whole much less.
    """
    rounds = [hashed / login for hashed, login in pairs]
    whole = sum(hashed for hashed, _ in pairs) / sum(login for _, login in pairs)
    return Figure(what, "", min(rounds), whole, max(rounds), gate)


@dataclass(frozen=True, slots=True)
class _Rate:
    """``cpu_seconds`` are those of one piece of work: they hold still while other programs want the processors."""

    per_second: float
    cpu_seconds: float


async def _hash(yardstick: asyncio.subprocess.Process, log: Path, count: int) -> _Rate:
    cpu = cpu_seconds(yardstick.pid)
    await write_line(yardstick, str(count))
    seconds = float(await read_line(yardstick, log, 60))
    return _Rate(count / seconds, (cpu_seconds(yardstick.pid) - cpu) / count)


async def _sign_in(product: Product, users: Sequence[str], count: int) -> _Rate:
    left = count

    async def keep_signing_in(connection: Connection, user: str) -> None:
        # Each connection has a user of its own: an account bears ten tries at a time, and success forgives them.
        nonlocal left
        while left:
            left -= 1
            signed_in(await connection.ask(product.login(user)))

    # New connections every time: the server closes those that say nothing while the hashes have their turn.
    async with connections(product.port, len(users)) as opened:
        cpu, began = cpu_seconds(product.pid), time.perf_counter()
        await asyncio.gather(*map(keep_signing_in, opened, users))
        seconds = time.perf_counter() - began
    return _Rate(count / seconds, (cpu_seconds(product.pid) - cpu) / count)
