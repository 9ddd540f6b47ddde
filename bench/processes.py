"""Processes of ours: started, listened to, weighed and ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Final

from bench.figures import BenchProblem

REPOSITORY: Final = Path(__file__).resolve().parents[1]
_END_SECONDS: Final = 15.0
_TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")


@contextlib.asynccontextmanager
async def started(
    *arguments: str, log: Path, environment: Mapping[str, str] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a program of this virtual environment with pipes to and from it; end it with the block.

    ``arguments`` begin with a script beside the interpreter, such as ``paseport`` or ``python``. Standard error is
    added to ``log``.
    """
    program, *rest = arguments
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name(program)),
            *rest,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            cwd=REPOSITORY,
            env=environment,
        )
    try:
        yield process
    finally:
        await ended(process)


async def ended(process: asyncio.subprocess.Process) -> None:
    """End a process and wait until it is gone."""
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _END_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()


async def read_line(process: asyncio.subprocess.Process, log: Path, seconds: float = 30.0) -> str:
    """Return the next line of a process. Raises ``BenchProblem`` with the end of its log when none comes."""
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), seconds)
    except TimeoutError:
        line = b""
    if not line:
        raise BenchProblem(f"a process said nothing within {seconds:.0f} s; its log ends: {_end_of(log)}")
    return line.decode()


async def write_line(process: asyncio.subprocess.Process, line: str) -> None:
    """Hand a process one line."""
    assert process.stdin is not None
    process.stdin.write(f"{line}\n".encode())
    await process.stdin.drain()


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used, in user and in kernel mode, all threads together."""
    # The name in parentheses may hold anything; what follows it is numbers.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, kernel = int(fields[11]), int(fields[12])
    return (user + kernel) / _TICKS_PER_SECOND


class Neighbours:
    """How much of the processors' time other programs, and the host, took since this was made."""

    def __init__(self) -> None:
        self._began_at = time.monotonic()
        self._busy, self._own = _busy_seconds(), _own_seconds()

    def share(self) -> float:
        """Return a share, 0 to 1, of all processors. Our processes count as ours once they have ended."""
        capacity = (time.monotonic() - self._began_at) * (os.cpu_count() or 1)
        taken = _busy_seconds() - self._busy - (_own_seconds() - self._own)
        return min(max(taken / capacity, 0.0), 1.0)


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def resident_mib(pid: int) -> float:
    """Return how much memory of a process is resident."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise BenchProblem(f"process {pid} has no memory any more")


def pin(pid: int, turn: int) -> None:
    """Keep the main thread of a process on one processor: the ``turn``-th of those that we may use.

    A server and its load generator that push each other around measure the scheduler.
    """
    processors = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(pid, {processors[turn % len(processors)]})


def pin_threads(pid: int, turn: int) -> None:
    """Keep all threads of a process on one processor, and those that they start from now on."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        pin(int(thread.name), turn)


def _busy_seconds() -> float:
    """Return what all processors worked since the machine started, with what the host kept from them (steal)."""
    user, nice, system, _, _, irq, softirq, steal, *_ = map(
        int, Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    )
    return (user + nice + system + irq + softirq + steal) / _TICKS_PER_SECOND


def _own_seconds() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def _end_of(log: Path) -> str:
    return " | ".join(log.read_text(errors="replace").splitlines()[-5:]) or "(empty)"
