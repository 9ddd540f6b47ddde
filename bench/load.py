"""The load generator: ``python -m bench.load`` reads jobs from standard input and writes what it measured.

A process of its own, so that asking and answering do not share an interpreter. Every connection has one request in
flight; the next one is sent as soon as the answer is complete, and the last answers are waited for: a refresh token
that was spent unseen would be missing in the next job.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Final, cast

import msgspec
import uvloop

from bench.figures import percentile
from bench.processes import cpu_seconds, pin, read_line, started, write_line

_CONTENT_LENGTH: Final = b"content-length:"
_HEAD_END: Final = b"\r\n\r\n"


class Job(msgspec.Struct, frozen=True):
    """Send ``requests`` over one connection each, and count for ``seconds`` after ``warm_up_seconds``.

    Each connection sends its request again and again, with what the answers set as the cookie ``follows``.
    """

    port: int
    server_pid: int
    requests: list[bytes]
    warm_up_seconds: float
    seconds: float
    follows: str | None = None


class Measured(msgspec.Struct, frozen=True):
    """What happened between the end of the warm-up and the end. ``wrong`` answers had another status than 200.

    ``cookies`` are what each connection would have sent next, where it followed one.
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
async def generator(log: Path) -> AsyncIterator[Generator]:
    """Start a load generator on a processor of its own, where there is a second one."""
    async with started("python", "-m", "bench.load", log=log) as process:
        pin(process.pid, 1)
        yield Generator(process, log)


class _Tally:
    def __init__(self) -> None:
        self.latencies: list[float] = []
        self.wrong = 0
        self.counts = False
        self.ends = False


class _Client(asyncio.Protocol):
    """Asks the same again and again. Reads of an answer what is needed to find its end, and the cookie it follows."""

    def __init__(self, message: bytes, tally: _Tally, follows: str | None) -> None:
        self._message = message
        self._tally = tally
        self._cookie = _Cookie(message, follows) if follows else None
        self._received = b""
        self._sent_at = 0.0
        self._transport: asyncio.WriteTransport | None = None
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not subclasses of asyncio's.
        self._transport = cast(asyncio.WriteTransport, transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(_HEAD_END)
        if not found:
            return
        _, _, value = head.lower().partition(_CONTENT_LENGTH)
        if len(body) < int(value.partition(b"\r\n")[0]):
            return
        tally = self._tally
        if tally.counts:
            tally.latencies.append(time.perf_counter() - self._sent_at)
            if not head.startswith(b"HTTP/1.1 200 "):
                tally.wrong += 1
        self._received = b""
        if self._cookie is not None:
            self._message = self._cookie.follow(head)
        if tally.ends and self._transport is not None:
            self._transport.close()
        else:
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._tally.ends:
            self._tally.wrong += 1
        if not self.closed.done():
            self.closed.set_result(None)

    @property
    def cookie(self) -> str:
        return "" if self._cookie is None else self._cookie.value.decode()

    def _send(self) -> None:
        if self._transport is not None:
            self._sent_at = time.perf_counter()
            self._transport.write(self._message)


class _Cookie:
    """A request's one cookie, kept as the answers set it."""

    def __init__(self, message: bytes, name: str) -> None:
        self._before, _, rest = message.partition(b"%s=" % name.encode())
        self.value, _, self._after = rest.partition(b"\r\n")
        self._before += b"%s=" % name.encode()
        self._set = b"\r\nset-cookie: %s=" % name.encode()

    def follow(self, head: bytes) -> bytes:
        """Return the next request after an answer. One that sets no cookie leaves things as they were."""
        _, found, rest = head.partition(self._set)
        if found:
            self.value = rest.partition(b";")[0]
        return b"%s%s\r\n%s" % (self._before, self.value, self._after)


async def _work(job: Job) -> Measured:
    loop, tally = asyncio.get_running_loop(), _Tally()
    clients = []
    for message in job.requests:
        _, client = await loop.create_connection(partial(_Client, message, tally, job.follows), "127.0.0.1", job.port)
        clients.append(client)
    await asyncio.sleep(job.warm_up_seconds)
    cpu, began = cpu_seconds(job.server_pid), time.perf_counter()
    tally.counts = True
    await asyncio.sleep(job.seconds)
    tally.counts = False
    seconds, cpu = time.perf_counter() - began, cpu_seconds(job.server_pid) - cpu
    tally.ends = True
    await asyncio.wait_for(asyncio.gather(*(client.closed for client in clients)), 10)
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


def main() -> None:
    """Do jobs until standard input ends."""
    for line in sys.stdin:
        measured = uvloop.run(_work(msgspec.json.decode(line, type=Job)))
        sys.stdout.write(msgspec.json.encode(measured).decode() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
