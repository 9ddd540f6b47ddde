"""The load generator: ``python -m bench.load`` reads jobs from standard input and writes what it measured.

A process of its own, so that asking and answering do not share an interpreter. Every connection has one request in
flight; the next one is sent as soon as the answer is complete, and the last answers are waited for: a refresh token
that was spent unseen would be missing in the next job.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final, cast

import msgspec
import uvloop

from bench.figures import percentile
from bench.processes import cpu_seconds, pin, read_line, started, write_line

_CONTENT_LENGTH: Final = b"content-length:"
_HEAD_END: Final = b"\r\n\r\n"
_NO_CONTENT: Final = b"HTTP/1.1 204 "
_ALL_ANSWERED_SECONDS: Final = 10.0
_TICK_SECONDS: Final = 0.001


class Job(msgspec.Struct, frozen=True):
    """Send ``requests`` over one connection each, and count for ``seconds`` after ``warm_up_seconds``.

    Each connection sends its request again and again, with what the answers set as the cookie ``follows``. With
    ``connections`` there are so many, which take all the requests in turn. With ``per_second`` so many are sent, evenly
    spread but for a millisecond, instead of as many as are answered; one that is sent late, because its millisecond was
    not over or no connection was idle, counts from when it was due. ``other_pids`` are further processes of the server,
    ``status`` is what a right answer has.
    """

    port: int
    server_pid: int
    requests: list[bytes]
    warm_up_seconds: float
    seconds: float
    follows: str | None = None
    connections: int | None = None
    per_second: float | None = None
    other_pids: tuple[int, ...] = ()
    status: int = 200


class Measured(msgspec.Struct, frozen=True):
    """What happened between the end of the warm-up and the end. ``wrong`` answers had another status.

    ``cpu_seconds`` are those of all processes of the server; ``cookies`` are what each connection would have sent next,
    where it followed one.
    """

    requests: int
    wrong: int
    seconds: float
    cpu_seconds: float
    p50_ms: float
    p99_ms: float
    cookies: list[str]

    @property
    def requests_per_second(self) -> float:
        """Throughput."""
        return self.requests / self.seconds

    @property
    def cpu_us(self) -> float:
        """Processor time of the server for each request, in microseconds."""
        return self.cpu_seconds / self.requests * 1e6


class Generator:
    """A running load generator."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log

    async def run(self, job: Job) -> Measured:
        """Run one job to its end. Raises ``BenchProblem`` when the generator fails."""
        await write_line(self._process, msgspec.json.encode(job).decode())
        line = await read_line(self._process, self._log, job.warm_up_seconds + job.seconds + 30)
        return msgspec.json.decode(line, type=Measured)


@contextlib.asynccontextmanager
async def generator(log: Path, *, pinned: bool = True) -> AsyncIterator[Generator]:
    """Start a load generator on a processor of its own, where there is a second one, unless it is not ``pinned``."""
    async with started("python", "-m", "bench.load", log=log) as process:
        if pinned:
            pin(process.pid, 1)
        yield Generator(process, log)


class _Tally:
    def __init__(self, status: int) -> None:
        self.right = b"HTTP/1.1 %d " % status
        self.latencies: list[float] = []
        self.wrong = 0
        self.counts = False
        self.ends = False


class _Client(asyncio.Protocol):
    """Asks one thing after the other. Reads of an answer what is needed to find its end, and the cookie it follows.

    Where somebody else says when to ask, it waits among the ``idle`` ones.
    """

    def __init__(
        self, messages: Iterator[bytes], tally: _Tally, follows: str | None, idle: deque[_Client] | None
    ) -> None:
        self._messages = messages
        self._tally = tally
        self._cookie = _Cookie(next(messages), follows) if follows else None
        self._idle = idle
        self._received = b""
        self._since = 0.0
        self._transport: asyncio.WriteTransport | None = None
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not subclasses of asyncio's.
        self._transport = cast(asyncio.WriteTransport, transport)
        self._go_on(b"")

    def data_received(self, data: bytes) -> None:
        self._received = received = self._received + data if self._received else data
        end = received.find(_HEAD_END)
        if end < 0 or len(received) - end - len(_HEAD_END) < _content_length(received, end):
            return
        tally = self._tally
        if tally.counts:
            tally.latencies.append(time.perf_counter() - self._since)
            if not received.startswith(tally.right):
                tally.wrong += 1
        self._received = b""
        self._go_on(received)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if not self._tally.ends:
            self._tally.wrong += 1
        if not self.closed.done():
            self.closed.set_result(None)

    @property
    def cookie(self) -> str:
        return "" if self._cookie is None else self._cookie.value.decode()

    def ask(self, since: float) -> None:
        """Send the next request, which counts from ``since``."""
        if self._transport is not None:
            self._since = since
            self._transport.write(next(self._messages) if self._cookie is None else self._cookie.message)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _go_on(self, answer: bytes) -> None:
        if self._cookie is not None:
            self._cookie.follow(answer)
        if self._tally.ends:
            self.close()
        elif self._idle is None:
            self.ask(time.perf_counter())
        else:
            self._idle.append(self)


def _content_length(received: bytes, end: int) -> int:
    at = received.find(_CONTENT_LENGTH, 0, end)
    if at < 0:
        if received.startswith(_NO_CONTENT):
            return 0
        # Servers may write it as they like; ours writes it like this.
        at = received.lower().find(_CONTENT_LENGTH, 0, end)
    at += len(_CONTENT_LENGTH)
    return int(received[at : received.index(b"\r\n", at)])


class _Cookie:
    """A request's one cookie, kept as the answers set it."""

    def __init__(self, message: bytes, name: str) -> None:
        self.message = message
        self._before, _, rest = message.partition(b"%s=" % name.encode())
        self.value, _, self._after = rest.partition(b"\r\n")
        self._before += b"%s=" % name.encode()
        self._set = b"\r\nset-cookie: %s=" % name.encode()

    def follow(self, answer: bytes) -> None:
        """Make the next request after an answer. One that sets no cookie leaves things as they were."""
        head = answer.partition(_HEAD_END)[0]
        _, found, rest = head.partition(self._set)
        if found:
            self.value = rest.partition(b";")[0]
            self.message = b"%s%s\r\n%s" % (self._before, self.value, self._after)


async def _work(job: Job) -> Measured:
    loop, tally = asyncio.get_running_loop(), _Tally(job.status)
    idle: deque[_Client] | None = None if job.per_second is None else deque()
    clients = []
    for messages in _messages(job):
        _, client = await loop.create_connection(
            partial(_Client, messages, tally, job.follows, idle), "127.0.0.1", job.port
        )
        clients.append(client)
    pids = (job.server_pid, *job.other_pids)
    async with asyncio.TaskGroup() as group:
        if idle is not None and job.per_second is not None:
            group.create_task(_keep_pace(idle, 1 / job.per_second, tally))
        await asyncio.sleep(job.warm_up_seconds)
        cpu, began = sum(map(cpu_seconds, pids)), time.perf_counter()
        tally.counts = True
        await asyncio.sleep(job.seconds)
        tally.counts = False
        seconds, cpu = time.perf_counter() - began, sum(map(cpu_seconds, pids)) - cpu
        tally.ends = True
    for client in idle or ():
        client.close()
    await asyncio.wait_for(asyncio.gather(*(client.closed for client in clients)), _ALL_ANSWERED_SECONDS)
    latencies = tally.latencies or [0.0]
    return Measured(
        requests=len(tally.latencies),
        wrong=tally.wrong,
        seconds=seconds,
        cpu_seconds=cpu,
        p50_ms=percentile(latencies, 0.5) * 1e3,
        p99_ms=percentile(latencies, 0.99) * 1e3,
        cookies=[client.cookie for client in clients] if job.follows else [],
    )


def _messages(job: Job) -> Sequence[Iterator[bytes]]:
    """Return what each connection sends."""
    if job.connections is None:
        return [itertools.repeat(message) for message in job.requests]
    return [itertools.cycle(job.requests)] * job.connections


async def _keep_pace(idle: deque[_Client], interval: float, tally: _Tally) -> None:
    # uvloop counts in milliseconds: a shorter sleep is none, and takes a processor from the servers that are measured.
    due = time.perf_counter()
    while not tally.ends:
        now = time.perf_counter()
        while due <= now and idle:
            # The one that rested longest: a server closes connections that say nothing.
            idle.popleft().ask(due)
            due += interval
        await asyncio.sleep(max(due - now, _TICK_SECONDS))


def main() -> None:
    """Do jobs until standard input ends."""
    for line in sys.stdin:
        measured = uvloop.run(_work(msgspec.json.decode(line, type=Job)))
        sys.stdout.write(msgspec.json.encode(measured).decode() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
