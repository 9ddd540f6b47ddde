"""Access to Redis for all stores of a process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Final, Self

from redis.exceptions import NoScriptError, ResponseError

from paseport.deadline import Deadline
from paseport.errors import Overloaded, Unavailable
from paseport.redis.faults import is_elsewhere, meaning_of
from paseport.redis.line import Line, Outcome
from paseport.redis.primary import Primary
from paseport.redis.script import Command, Reply, ScriptCall
from paseport.redis.settings import RedisSettings
from paseport.redis.wire import Wire, pack

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CONFIRMED_FOR_SECONDS: Final = 0.5
_TURNS_TO_CLOSE: Final = 4
_AT_ONE_STEP: Final = 200


class RedisAccess:
    """Commands and scripts on the primary, with deadlines, for stores that name keys and know nothing of connections.

    Every method raises ``Unavailable`` when the primary does not answer in time or says that it cannot act now, and
    ``Overloaded`` when too many callers wait. What it raises never means that a key is absent. Other refusals are bugs
    and surface as the driver's ``ResponseError``.

    Nothing is sent twice: a command whose answer is missing may have run, and only the caller can tell what a second
    run would mean (FT-07). A refused ``EVALSHA`` did not run, so its script is sent whole.
    """

    def __init__(self, settings: RedisSettings) -> None:
        self._settings = settings
        self._primary = Primary(settings)
        self._plain = Line(self._primary, settings, confirmed=False)
        self._confirmed = Line(self._primary, settings, confirmed=True) if settings.wait_replicas else self._plain
        self._places = asyncio.Semaphore(settings.max_callers)
        self._in_use = 0
        self._waiting = 0
        self._reader_places = asyncio.Semaphore(settings.max_readers)
        self._idle_readers: list[Wire] = []
        self._confirming = asyncio.Lock()
        self._confirmed_until = 0.0
        self._confirmed_generation = -1
        self._is_disputed = False

    # --- what stores use ------------------------------------------------------------------------------------------

    @property
    def confirms(self) -> bool:
        """Whether ``confirm`` waits for a replica."""
        return self._settings.wait_replicas > 0

    @property
    def deadline_seconds(self) -> float:
        """How long a call may take."""
        return self._settings.deadline_seconds

    async def send(self, *commands: Command | ScriptCall) -> list[Reply]:
        """Run commands one after the other and return their replies. No replica needs to have what they wrote."""
        return (await self._run(self._plain, commands)).replies

    async def confirm(self, *commands: Command | ScriptCall) -> list[Reply]:
        """Run commands and return their replies once a replica has all that was written so far, by anybody.

        Raises ``Unavailable`` where no replica confirms in time; the commands have run then, and a failover may undo
        them. Repeating a call that finds nothing left to do confirms what the first one did. Without commands it is
        only that barrier. With ``wait_replicas=0`` there is nothing to wait for.
        """
        outcome = await self.attempt(*commands)
        if outcome.lacking is not None:
            raise Unavailable(outcome.lacking)
        return outcome.replies

    async def confirm_in_steps(self, commands: Sequence[Command | ScriptCall]) -> list[Reply]:
        """Run many commands as ``confirm`` does, so many to a round trip that others wait a few milliseconds for them.

        Where it raises, some may have run.
        """
        replies: list[Reply] = []
        for begin in range(0, len(commands), _AT_ONE_STEP):
            replies += await self.confirm(*commands[begin : begin + _AT_ONE_STEP])
        return replies

    async def attempt(self, *commands: Command | ScriptCall) -> Outcome:
        """Run commands as ``confirm`` does, and tell what they answered also where no replica confirms."""
        return await self._run(self._confirmed, commands)

    async def read_alone(self, command: Command | ScriptCall, wait_seconds: float = 0.0) -> Reply:
        """Run one command on a connection of its own: one that blocks for ``wait_seconds``, or has a large answer."""
        loop = asyncio.get_running_loop()
        end = loop.time() + wait_seconds + self._settings.deadline_seconds
        has_place = False
        try:
            async with Deadline(self._settings.deadline_seconds):
                await self._reader_places.acquire()
                has_place = True
                wire = await self._idle_reader() or await self._primary.connect()
            reply = await self._exchange_one(wire, command, end - loop.time())
        except TimeoutError as error:
            if has_place:
                raise Unavailable("no connection to Redis in time") from error
            raise Overloaded("too many readers block on Redis") from error
        finally:
            if has_place:
                self._reader_places.release()
        _check(reply)
        return reply

    async def confirm_primary(self) -> None:
        """Return if a majority of the Sentinels names the node that is used here, and it says so too.

        The answer is at most half a second old. Raises ``Unavailable`` otherwise: who is cut off together with an old
        primary must not take its silence for news (FT-05).
        """
        async with self._confirming:
            generation = self._primary.generation
            if self._confirmed_generation == generation and time.monotonic() < self._confirmed_until:
                return
            asked_at = time.monotonic()
            (role,) = await self.send(("ROLE",))
            generation = self._primary.generation
            if role[0] != b"master" or not await self._primary.is_confirmed():
                self._is_disputed = True
                raise Unavailable("no majority of the Sentinels names the primary that is used")
            if generation != self._primary.generation:
                raise Unavailable("the primary changed just now")
            self._primary.followers.look(role)
            self._is_disputed = False
            self._confirmed_generation = generation
            self._confirmed_until = asked_at + _CONFIRMED_FOR_SECONDS

    @property
    def is_disputed(self) -> bool:
        """Whether the primary was not confirmed when somebody last asked, which costs nothing to know."""
        return self._is_disputed

    # --- what the process asks ------------------------------------------------------------------------------------

    async def ping(self) -> None:
        """Return if the primary answers."""
        await self.send(("PING",))

    async def time(self) -> datetime:
        """Return the primary's clock, for comparison with one's own (FT-17)."""
        ((seconds, microseconds),) = await self.send(("TIME",))
        return _EPOCH + timedelta(seconds=int(seconds), microseconds=int(microseconds))

    @property
    def capacity(self) -> int:
        """How many callers are served at once."""
        return self._settings.max_callers

    @property
    def in_use(self) -> int:
        """How many callers are being served."""
        return self._in_use

    @property
    def waiting(self) -> int:
        """How many callers wait to be served."""
        return self._waiting

    async def aclose(self) -> None:
        """Close all connections."""
        await self._plain.aclose()
        await self._confirmed.aclose()
        for wire in self._idle_readers:
            await wire.end()
        self._idle_readers.clear()
        await self._primary.aclose()
        # What was closed without waiting lets go of its socket some turns of the loop later; a loop that ends before
        # leaves it to the garbage collector.
        for _ in range(_TURNS_TO_CLOSE):
            await asyncio.sleep(0)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    # --- how ------------------------------------------------------------------------------------------------------

    async def _run(self, line: Line, commands: Sequence[Command | ScriptCall]) -> Outcome:
        await self._take_place()
        try:
            outcome = await line.send([_shortest(command) for command in commands])
            if any(isinstance(reply, NoScriptError) for reply in outcome.replies):
                outcome = await self._run_unknown(line, commands, outcome.replies)
        finally:
            self._in_use -= 1
            self._places.release()
        for reply in outcome.replies:
            _check(reply)
        return outcome

    async def _run_unknown(
        self, line: Line, commands: Sequence[Command | ScriptCall], replies: Sequence[Reply]
    ) -> Outcome:
        """Send the scripts whole that the node did not know; they did not run yet, everything else did."""
        unknown = {
            index: command.by_source
            for index, command in enumerate(commands)
            if isinstance(command, ScriptCall) and isinstance(replies[index], NoScriptError)
        }
        outcome = await line.send(list(unknown.values()))
        by_index = dict(zip(unknown, outcome.replies, strict=True))
        return Outcome([by_index.get(index, reply) for index, reply in enumerate(replies)], outcome.lacking)

    async def _take_place(self) -> None:
        if self._places.locked():
            self._waiting += 1
            try:
                async with Deadline(self._settings.deadline_seconds):
                    await self._places.acquire()
            except TimeoutError as error:
                raise Overloaded("too many callers wait for Redis") from error
            finally:
                self._waiting -= 1
        else:
            await self._places.acquire()
        self._in_use += 1

    async def _exchange_one(self, wire: Wire, command: Command | ScriptCall, deadline_seconds: float) -> Reply:
        try:
            (reply,) = await wire.exchange(pack([_shortest(command)]), 1, deadline_seconds)
            if isinstance(reply, NoScriptError) and isinstance(command, ScriptCall):
                (reply,) = await wire.exchange(pack([command.by_source]), 1, deadline_seconds)
        except Unavailable:
            self._primary.forget(wire.generation)
            raise
        if isinstance(reply, ResponseError) and is_elsewhere(reply):
            self._primary.forget(wire.generation)
        self._idle_readers.append(wire)
        return reply

    async def _idle_reader(self) -> Wire | None:
        while self._idle_readers:
            wire = self._idle_readers.pop()
            if await self._primary.is_current(wire):
                return wire
            await wire.close()
        return None


def _shortest(command: Command | ScriptCall) -> Command:
    return command.by_digest if isinstance(command, ScriptCall) else command


def _check(reply: Reply) -> None:
    if isinstance(reply, ResponseError):
        unavailable = meaning_of(reply)
        if unavailable is None:
            raise reply
        raise unavailable from reply
