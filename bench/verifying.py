"""The api as a server to measure, the loads it is given, and what does nothing beside it."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from paseport_api.handlers.principal import PATH

from bench.figures import BenchProblem, Figure, figure_of
from bench.load import Generator, Job, Measured
from bench.minting import mint
from bench.processes import read_line, started
from bench.verify_server import asks, tokens_of

CONNECTIONS: Final = 64

_WARM_UP_SECONDS: Final = 1.0
_SECONDS: Final = 2.5
_RATE_CONNECTIONS: Final = 8
_START_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class Server:
    """A server to measure: its processes, which share a port, and what it is asked."""

    port: int
    pids: tuple[int, ...]
    requests: list[bytes]
    status: int = 200

    def job(
        self, seconds: float = _SECONDS, per_second: float | None = None, connections: int = _RATE_CONNECTIONS
    ) -> Job:
        """Return a load: as much as it bears, unless it is told how much, and over how many connections."""
        return Job(
            self.port,
            self.pids[0],
            self.requests,
            _WARM_UP_SECONDS,
            seconds,
            connections=CONNECTIONS if per_second is None else connections,
            per_second=per_second,
            other_pids=self.pids[1:],
            status=self.status,
        )


async def run(load: Generator, job: Job) -> Measured:
    """Run a load. Raises ``BenchProblem`` where anything else was answered than it should be."""
    measured = await load.run(job)
    if measured.wrong or not measured.requests:
        raise BenchProblem(f"{measured.wrong} of {measured.requests} answers were not {job.status}")
    return measured


@contextlib.asynccontextmanager
async def serving(folder: Path, log: Path, *options: str, path: str = PATH, workers: int = 1) -> AsyncIterator[Server]:
    """Serve the api for the tokens in ``folder``; it is asked ``path`` with each of them in turn."""
    requests = [asks(path, token) for token in tokens_of(folder)]
    async with workers_of(
        "bench.verify_server", str(folder), *options, requests=requests, log=log, count=workers
    ) as server:
        yield server


@contextlib.asynccontextmanager
async def serving_nothing(kind: str, folder: Path, log: Path, *, workers: int = 1) -> AsyncIterator[Server]:
    """Serve an empty application, ``asgi`` or ``litestar``. It is sent the same tokens, which it ignores."""
    requests = [asks("/", token) for token in tokens_of(folder)]
    async with workers_of("bench.empty_app", kind, requests=requests, log=log, count=workers) as server:
        yield server


@contextlib.asynccontextmanager
async def workers_of(
    *command: str,
    requests: list[bytes],
    log: Path,
    count: int,
    status: int = 200,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[Server]:
    """Run ``count`` processes of one module on one port; each prints it when it is ready."""
    async with AsyncExitStack() as stack:
        port, pids = 0, []
        for _ in range(count):
            process = await stack.enter_async_context(
                started("python", "-m", *command, "--port", str(port), log=log, environment=environment)
            )
            port = int(await read_line(process, log, _START_SECONDS))
            pids.append(process.pid)
        yield Server(port, tuple(pids), requests, status)


@contextlib.asynccontextmanager
async def minted(tokens: int) -> AsyncIterator[tuple[Path, Path]]:
    """Make a folder with so many tokens for ``serving``; it has room for a log."""
    with tempfile.TemporaryDirectory(prefix="paseport-bench-") as folder:
        await mint(Path(folder), tokens)
        yield Path(folder), Path(folder) / "log"


async def take_turns(load: Generator, servers: Mapping[str, Server], rounds: int) -> dict[str, list[Measured]]:
    """Give each server as much as it bears, one after the other, in each round."""
    measured: dict[str, list[Measured]] = {name: [] for name in servers}
    for _ in range(rounds):
        for name, server in servers.items():
            measured[name].append(await run(load, server.job()))
    return measured


def figures_of(name: str, rounds: Sequence[Measured]) -> list[Figure]:
    """Return what a server bore."""
    return [
        figure_of(name, "requests/s", [one.requests_per_second for one in rounds]),
        figure_of("… CPU", "µs/request", [one.cpu_us for one in rounds]),
        figure_of(f"… p99 at {CONNECTIONS} connections", "ms", [one.p99_ms for one in rounds]),
    ]
