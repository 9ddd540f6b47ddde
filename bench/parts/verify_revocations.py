"""A million revocations in force: what they weigh, and what a decision costs more."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

from bench.figures import Bound, Figure, Gate, figure_of
from bench.load import generator
from bench.parts.verify import TOKENS
from bench.processes import pin, resident_mib
from bench.verifying import figures_of, minted, serving, take_turns

_REVOCATIONS: Final = 1_000_000
_ROUNDS: Final = 7


async def measure_verify_revocations() -> Sequence[Figure]:
    """Take turns on one processor: the same warm decisions without revocations and with all of them."""
    async with AsyncExitStack() as stack:
        folder, log = await stack.enter_async_context(minted(TOKENS))
        none = await stack.enter_async_context(serving(folder, log))
        million = await stack.enter_async_context(serving(folder, log, "--revocations", str(_REVOCATIONS)))
        load = await stack.enter_async_context(generator(log))
        for server in (none, million):
            pin(server.pids[0], 0)
        names = ("warm decision", f"… with {_REVOCATIONS} revocations")
        rounds = await take_turns(load, dict(zip(names, (none, million), strict=True)), _ROUNDS)
        small, large = (resident_mib(server.pids[0]) for server in (none, million))
    pairs = list(zip(rounds[names[1]], rounds[names[0]], strict=True))
    return [
        *(figure for name, measured in rounds.items() for figure in figures_of(name, measured)),
        figure_of(
            "with ÷ without revocations, CPU",
            "",
            [one.cpu_us / other.cpu_us for one, other in pairs],
            Gate(Bound.AT_MOST, 1.05),
        ),
        figure_of("api, resident memory without revocations", "MiB", [small]),
        figure_of(f"… with {_REVOCATIONS}", "MiB", [large], Gate(Bound.AT_MOST, 200)),
    ]
