"""Decisions in front of the framework, beside an application that does nothing under the same server."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from bench.figures import BenchProblem, Bound, Figure, Gate, figure_of
from bench.http import Connection, connections
from bench.issuer import ORIGIN, active_user
from bench.load import Measured, generator
from bench.processes import pin, read_line, started
from bench.product import Product
from bench.verifying import figures_of, minted, run, serving, serving_nothing, take_turns

TOKENS: Final = 2000
"""As many callers are about at the same time."""

_ROUNDS: Final = 5
_WORKERS: Final = 2

_RATE: Final = 100.0
_LATENCY_ROUNDS: Final = 3
_LATENCY_SECONDS: Final = 6.0
_COST: Final = 12
"""Of sign-ins, as in the product."""
_SIGNING_IN: Final = (os.cpu_count() or 1) + 32
"""Each processor hashes, and the queue behind is full (``BcryptPasswordHasher``): one more would be refused."""


async def measure_verify() -> Sequence[Figure]:
    """Take turns on one processor, then with two workers on all of them, then beside people who sign in."""
    async with minted(TOKENS) as (folder, log):
        return [
            *await _on_one_processor(folder, log),
            *await _with_two_workers(folder, log),
            *await _beside_sign_ins(folder, log),
        ]


async def _on_one_processor(folder: Path, log: Path) -> list[Figure]:
    async with AsyncExitStack() as stack:
        servers = {
            "empty ASGI app": await stack.enter_async_context(serving_nothing("asgi", folder, log)),
            "warm decision": await stack.enter_async_context(serving(folder, log)),
            # It remembers one token, so it has to verify each of two thousand anew.
            "cold decision": await stack.enter_async_context(serving(folder, log, "--cached", "1")),
            "empty Litestar handler": await stack.enter_async_context(serving_nothing("litestar", folder, log)),
            "dashboard": await stack.enter_async_context(serving(folder, log, path="/api/dashboard")),
        }
        load = await stack.enter_async_context(generator(log))
        for server in servers.values():
            pin(server.pids[0], 0)
        rounds = await take_turns(load, servers, _ROUNDS)
    return [
        *(figure for name, measured in rounds.items() for figure in figures_of(name, measured)),
        *_ratios(rounds, "warm decision", "empty ASGI app", Gate(Bound.AT_LEAST, 0.6, 0.75)),
        *_ratios(rounds, "cold decision", "empty ASGI app", Gate(Bound.AT_LEAST, 0.18, 0.25)),
        *_ratios(rounds, "dashboard", "empty Litestar handler", Gate(Bound.AT_LEAST, 0.5, 0.7)),
    ]


async def _with_two_workers(folder: Path, log: Path) -> list[Figure]:
    async with (
        serving_nothing("asgi", folder, log, workers=_WORKERS) as empty,
        serving(folder, log, workers=_WORKERS) as warm,
        serving(folder, log, "--cached", "1", workers=_WORKERS) as cold,
        generator(log, pinned=False) as load,
    ):
        names = [f"{name}, two workers" for name in ("empty ASGI app", "warm decision", "cold decision")]
        rounds = await take_turns(load, dict(zip(names, (empty, warm, cold), strict=True)), _ROUNDS)
    return [
        *(figure for name, measured in rounds.items() for figure in figures_of(name, measured)),
        *_ratios(rounds, names[1], names[0]),
        *_ratios(rounds, names[2], names[0]),
    ]


async def _beside_sign_ins(folder: Path, log: Path) -> list[Figure]:
    """Ask at a modest, even rate, alone and while an issuer on the same machine hashes as much as it can."""
    async with (
        serving(folder, log) as verifier,
        started("python", "-m", "bench.issuer", str(_COST), str(_SIGNING_IN), log=log) as process,
        generator(log, pinned=False) as load,
    ):
        issuer = Product(process.pid, int(await read_line(process, log, 120)), origin=ORIGIN)
        idle, beside, sign_ins = [], [], []
        for _ in range(_LATENCY_ROUNDS):
            idle.append(await run(load, verifier.job(_LATENCY_SECONDS, _RATE)))
            async with _signing_in(issuer) as done:
                before = len(done)
                beside.append(await run(load, verifier.job(_LATENCY_SECONDS, _RATE)))
                sign_ins.append((len(done) - before) / _LATENCY_SECONDS)
    return [
        figure_of(f"{_RATE:.0f} decisions/s, p50", "ms", [one.p50_ms for one in idle]),
        figure_of("… p99", "ms", [one.p99_ms for one in idle]),
        figure_of("… beside sign-ins, p50", "ms", [one.p50_ms for one in beside]),
        figure_of("… beside sign-ins, p99", "ms", [one.p99_ms for one in beside]),
        figure_of(f"sign-ins meanwhile, {_SIGNING_IN} at a time", "/s", sign_ins),
        figure_of(
            "p99 beside sign-ins ÷ p99",
            "",
            [one.p99_ms / other.p99_ms for one, other in zip(beside, idle, strict=True)],
            Gate(Bound.AT_MOST, 5, 3),
        ),
    ]


@contextlib.asynccontextmanager
async def _signing_in(issuer: Product) -> AsyncIterator[list[int]]:
    """Keep signing people in, each over a connection of their own; yields what was answered."""
    statuses: list[int] = []
    ends = asyncio.Event()

    async def keep_signing_in(connection: Connection, user: str) -> None:
        while not ends.is_set():
            statuses.append((await connection.ask(issuer.login(user))).status)

    async with connections(issuer.port, _SIGNING_IN) as opened:
        people = [
            asyncio.create_task(keep_signing_in(connection, active_user(number)))
            for number, connection in enumerate(opened)
        ]
        try:
            yield statuses
        finally:
            ends.set()
            # What is under way has to be over before somebody measures without it.
            outcomes = await asyncio.gather(*people, return_exceptions=True)
    if any(isinstance(outcome, TimeoutError) for outcome in outcomes):
        raise BenchProblem("a sign-in was not answered in time")
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    if set(statuses) != {200}:
        raise BenchProblem(f"sign-ins were answered {sorted(set(statuses))}")


def _ratios(rounds: Mapping[str, Sequence[Measured]], own: str, base: str, gate: Gate | None = None) -> list[Figure]:
    """Return how much of what the server bears is left. The gate looks at processor time, which holds still."""
    pairs = list(zip(rounds[own], rounds[base], strict=True))
    return [
        figure_of(f"{own} ÷ {base}, by CPU", "", [other.cpu_us / one.cpu_us for one, other in pairs], gate),
        figure_of("… requests/s", "", [one.requests_per_second / other.requests_per_second for one, other in pairs]),
    ]
