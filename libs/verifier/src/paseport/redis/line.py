"""Many callers on one connection."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from redis.exceptions import ResponseError

from paseport.deadline import Alarm
from paseport.errors import Unavailable
from paseport.redis.faults import code_of, is_elsewhere
from paseport.redis.primary import Primary
from paseport.redis.script import Command, Reply
from paseport.redis.settings import RedisSettings
from paseport.redis.wire import Wire, pack

# A batch is answered as a whole, so its size bounds how long the quickest command waits for the slowest.
_MOST_AT_ONCE: Final = 128
_PAUSE_SECONDS: Final = 0.02
"""Between two attempts to connect: a crowd must not keep asking the Sentinels in a tight circle."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What commands answered, refusals as ``ResponseError``, and why no replica vouches for them, or None."""

    replies: list[Reply]
    lacking: str | None


@dataclass(slots=True, eq=False)
class _Job:
    packed: bytes
    count: int
    outcome: asyncio.Future[Outcome]
    ends_at: float


class Line:
    """Carries the commands of all callers who are there when the wire is free, in one go; meanwhile others gather.

    So the round trips, and with ``confirmed`` the waiting for a replica, are shared by as many as there are. A job's
    commands stay together and in order. Jobs that were sent when the wire fails are lost, with their answers unknown;
    jobs that were not sent yet go over the next wire. No job is sent twice.
    """

    def __init__(self, primary: Primary, settings: RedisSettings, *, confirmed: bool) -> None:
        self._primary = primary
        self._settings = settings
        self._confirms = confirmed
        self._jobs: deque[_Job] = deque()
        # All jobs by their deadline, which is the order in which they came: one alarm serves them all. A timer for each
        # would cost as much as the rest of a call.
        self._ending: deque[_Job] = deque()
        self._alarm: Alarm | None = None
        self._arrived = asyncio.Event()
        self._wire: Wire | None = None
        self._worker: asyncio.Task[None] | None = None

    async def send(self, commands: Sequence[Command]) -> Outcome:
        """Return what became of one caller's commands.

        Raises ``Unavailable`` without an answer within the deadline; they may have run.
        """
        loop = asyncio.get_running_loop()
        if self._worker is None or self._worker.done():
            self._worker = loop.create_task(self._work(), name="redis line")
        job = _Job(pack(commands), len(commands), loop.create_future(), loop.time() + self._settings.deadline_seconds)
        self._jobs.append(job)
        self._arrived.set()
        while self._ending and self._ending[0].outcome.done():
            self._ending.popleft()
        self._ending.append(job)
        if self._alarm is None:
            self._alarm = Alarm(loop, job.ends_at, self._end_late_jobs)
        return await job.outcome

    async def aclose(self) -> None:
        """End it; whoever still waits gets ``Unavailable``."""
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)
        self._fail_waiting("the connection to Redis was closed")
        if self._alarm is not None:
            self._alarm.cancel()
        if self._wire is not None:
            await self._wire.end()

    async def _work(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._jobs:
                try:
                    wire = await self._ready_wire()
                except Unavailable as problem:
                    # Nothing was sent: all who wait are told at once, and who comes later tries again.
                    self._fail_waiting(problem.reason)
                    await asyncio.sleep(_PAUSE_SECONDS)
                    break
                if batch := self._take():
                    await self._serve(batch, wire)

    def _take(self) -> list[_Job]:
        # Who gave up waiting was not served yet, and is not served any more.
        batch: list[_Job] = []
        while self._jobs and len(batch) < _MOST_AT_ONCE:
            job = self._jobs.popleft()
            if not job.outcome.done():
                batch.append(job)
        return batch

    async def _serve(self, batch: Sequence[_Job], wire: Wire) -> None:
        needed = self._primary.followers.needed
        closing = self._closing(needed) if self._confirms else ()
        packed = b"".join([job.packed for job in batch]) + pack(closing)
        count = sum(job.count for job in batch) + len(closing)
        try:
            replies = await wire.exchange(packed, count, self._settings.deadline_seconds)
        except Unavailable as problem:
            self._primary.forget(wire.generation)
            await self._drop()
            _fail(batch, problem.reason)
            return
        except BaseException:
            _fail(batch, "the connection to Redis was closed")
            raise
        if any(isinstance(reply, ResponseError) and is_elsewhere(reply) for reply in replies):
            self._primary.forget(wire.generation)
            await self._drop()
        lacking = self._lacking(replies[-len(closing) :], needed) if closing else None
        if lacking is not None:
            self._primary.suspect()
        begin = 0
        for job in batch:
            if not job.outcome.done():
                job.outcome.set_result(Outcome(replies[begin : begin + job.count], lacking))
            begin += job.count

    def _closing(self, needed: int) -> Sequence[Command]:
        # The barrier comes last: whatever was written before it, by whom and when ever, is on a replica that has it.
        # A script that wrote nothing, like the second removal of one thing, can so vouch for what was there before.
        return (
            ("SET", self._settings.barrier_key, 1, "PX", 60_000),
            ("WAIT", needed, self._settings.wait_milliseconds),
            # WAIT tells how many, not who.
            ("ROLE",),
        )

    def _lacking(self, closing: Sequence[Reply], needed: int) -> str | None:
        """Return why the replicas do not vouch for the batch, or None where they do."""
        for reply in closing:
            if isinstance(reply, ResponseError):
                return f"Redis answered {code_of(reply)} where a replica should have confirmed"
        _, confirmed, role = closing
        return self._primary.followers.lacking(confirmed, needed, role)

    def _end_late_jobs(self) -> None:
        loop = asyncio.get_running_loop()
        while self._ending and (self._ending[0].outcome.done() or self._ending[0].ends_at <= loop.time()):
            _fail([self._ending.popleft()], "Redis did not answer in time")
        self._alarm = Alarm(loop, self._ending[0].ends_at, self._end_late_jobs) if self._ending else None

    async def _ready_wire(self) -> Wire:
        if self._wire is not None and not await self._primary.is_current(self._wire):
            await self._drop()
        if self._wire is None:
            self._wire = await self._primary.connect()
        return self._wire

    async def _drop(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            await wire.close()

    def _fail_waiting(self, reason: str) -> None:
        _fail(self._jobs, reason)
        self._jobs.clear()


def _fail(jobs: Iterable[_Job], reason: str) -> None:
    for job in jobs:
        if not job.outcome.done():
            job.outcome.set_exception(Unavailable(reason))
