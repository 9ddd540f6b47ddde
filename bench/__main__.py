"""``python -m bench [PART …] [--json]``: measure, print one table, fail when a gate fails."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import uvloop

from bench import oauth2_proxy
from bench.figures import BenchProblem, Figure, table
from bench.parts import EMBEDDED_PARTS, FORWARD_AUTH, OAUTH2_PROXY, PARTS, STACK, STACK_PARTS, STACK_ROTATION
from bench.processes import Neighbours
from bench.servers import missing_servers

_PART_SECONDS: Final = 600.0
_ROTATION_SECONDS: Final = 3000.0


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of one part. ``problem`` says why it has no figures.

    ``disturbance`` is the share of the machine that other programs took meanwhile.
    """

    part: str
    seconds: float
    disturbance: float
    figures: Sequence[Figure] = ()
    problem: str | None = None

    @property
    def passes(self) -> bool:
        """Whether it was measured and no gate failed."""
        return self.problem is None and all(figure.passes for figure in self.figures)


async def _run(part: str) -> Ran:
    began, neighbours = time.perf_counter(), Neighbours()
    figures: Sequence[Figure] = ()
    problem = None
    limit = _ROTATION_SECONDS if part == STACK_ROTATION else _PART_SECONDS
    try:
        async with asyncio.timeout(limit):
            figures = await PARTS[part]()
    except BenchProblem as error:
        problem = str(error)
    except TimeoutError:
        problem = f"not done after {limit:.0f} s"
    except (OSError, asyncio.IncompleteReadError) as error:
        problem = f"a connection failed: {error}"
    return Ran(part, time.perf_counter() - began, neighbours.share(), figures, problem)


async def _measure(parts: Sequence[str]) -> list[Ran]:
    ran = []
    for part in parts:
        sys.stderr.write(f"measuring {part} …")
        sys.stderr.flush()
        ran.append(await _run(part))
        sys.stderr.write(f" {ran[-1].seconds:.0f} s\n")
    return ran


def _chosen(named: Sequence[str]) -> list[str]:
    """Return the parts to measure. Those that need servers are left out only where nobody named them."""
    if named:
        return [part for name in named for part in (STACK_PARTS if name == STACK else [name])]
    chosen = [*EMBEDDED_PARTS, FORWARD_AUTH, *STACK_PARTS]
    missing = missing_servers()
    if missing:
        sys.stderr.write(f"{FORWARD_AUTH} and {STACK} are left out. They need: {', '.join(missing)} (make services)\n")
        chosen = list(EMBEDDED_PARTS)
    if oauth2_proxy.program() is None:
        sys.stderr.write(f"{OAUTH2_PROXY} is left out. It needs: {oauth2_proxy.HOW_TO_GET_IT}\n")
        chosen.remove(OAUTH2_PROXY)
    return chosen


def _machine() -> str:
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    processors = len(os.sched_getaffinity(0))
    return f"{processors} processors, load before the run {load}, Python {platform.python_version()}"


def _as_json(machine: str, ran: Sequence[Ran]) -> str:
    document = {
        "machine": machine,
        "passes": all(one.passes for one in ran),
        "parts": [
            {
                "part": one.part,
                "seconds": round(one.seconds, 1),
                "disturbance": round(one.disturbance, 3),
                "problem": one.problem,
                "figures": [
                    {
                        "what": figure.what,
                        "unit": figure.unit,
                        "min": figure.low,
                        "value": figure.value,
                        "max": figure.high,
                        "gate": figure.gate and f"{figure.gate.bound.value} {figure.gate.limit}",
                        "goal": figure.gate and figure.gate.goal,
                        "passes": figure.passes,
                    }
                    for figure in one.figures
                ],
            }
            for one in ran
        ],
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def main() -> int:
    """Return the exit code: 0 when everything was measured and every gate passed, else 1."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Paseport against its budgets.")
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"of: {', '.join(PARTS)}; {STACK} is all of {STACK}-* (everything)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of the table")
    arguments = parser.parse_args()
    unknown = [part for part in arguments.parts if part not in (*PARTS, STACK)]
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    if not Path("/proc/self/stat").exists():
        parser.error("this needs Linux: processor time and memory are read from /proc")

    machine = _machine()
    ran = uvloop.run(_measure(_chosen(arguments.parts)))
    if arguments.json:
        sys.stdout.write(_as_json(machine, ran) + "\n")
    else:
        sys.stdout.write(f"\n{machine}\n\n{table((one.part, figure) for one in ran for figure in one.figures)}\n")
        disturbed = ", ".join(f"{one.part} {one.disturbance:.0%}" for one in ran)
        sys.stdout.write(f"\nprocessor time that others took meanwhile: {disturbed}\n")
        for one in ran:
            if one.problem is not None:
                sys.stdout.write(f"\n{one.part}: FAIL: {one.problem}\n")
    return 0 if all(one.passes for one in ran) else 1


if __name__ == "__main__":
    sys.exit(main())
