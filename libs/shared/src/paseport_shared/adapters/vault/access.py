"""Calls to Vault as our adapters make them: with a token, a deadline, and an end to patience."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Final, TypeVar

import msgspec
from hvac.api import system_backend  # type: ignore[import-untyped]  # hvac ships no types
from paseport.clock import Clock
from paseport.deadline import Deadline

from paseport_shared.adapters.vault.answers import VaultFailed, VaultRefused
from paseport_shared.adapters.vault.circuit_breaker import CircuitBreaker
from paseport_shared.adapters.vault.token_keeper import Credential, LookupAnswer, TokenKeeper, look_up_self
from paseport_shared.adapters.vault.transport import VaultAddress, VaultTransport, Wire
from paseport_shared.domain.errors import Unavailable

DEADLINE: Final = timedelta(seconds=2)
WORKERS: Final = 8
QUEUE: Final = 64
_ATTEMPTS: Final = 3
_FIRST_PAUSE_SECONDS: Final = 0.05
_jitter: Final = secrets.SystemRandom()

_Answer = TypeVar("_Answer")

_log = logging.getLogger(__name__)


class VaultForbids(Unavailable):
    """Vault works and answers 403: the policy does not cover the request, or the token is none (any more)."""


class _Health(msgspec.Struct, frozen=True):
    initialized: bool
    sealed: bool
    standby: bool


class VaultAccess:
    """One Vault for all adapters of a process, which share its token, threads and circuit breaker.

    ``deadline`` bounds a whole call: waiting for a thread, a login where one is needed, every repetition. Nothing is
    opened before the first call. Belongs to one event loop.
    """

    def __init__(
        self,
        address: VaultAddress,
        credential: Credential,
        clock: Clock,
        *,
        deadline: timedelta = DEADLINE,
        workers: int = WORKERS,
        queue: int = QUEUE,
    ) -> None:
        self._seconds = deadline.total_seconds()
        self._transport = VaultTransport(address, workers=workers, queue=queue)
        self._keeper = TokenKeeper(self._transport, credential, clock, seconds=self._seconds)
        self._breaker = CircuitBreaker(clock)

    @property
    def capacity(self) -> int:
        """How many requests are under way at most."""
        return self._transport.pool.capacity

    @property
    def in_use(self) -> int:
        """How many requests are under way."""
        return self._transport.pool.in_use

    @property
    def waiting(self) -> int:
        """How many callers wait for one of the threads."""
        return self._transport.pool.waiting

    @property
    def is_spared(self) -> bool:
        """Whether the circuit breaker is open: callers are refused at once."""
        return self._breaker.is_open

    async def call(self, request: Callable[[Wire], bytes], answer: type[_Answer]) -> _Answer:
        """Return what Vault answers, read as ``answer``. Raises ``Unavailable`` for everything else.

        ``VaultForbids`` is the one for 403.

        Asks again, twice at most and within the deadline, where Vault itself says "not now" (FT-13: 5xx, 412, 429), so
        ``request`` is one that does no harm twice.
        """
        try:
            with self._breaker.guard():
                return await self._in_time(request, answer)
        except VaultRefused as error:
            kind = VaultForbids if error.status == HTTPStatus.FORBIDDEN else Unavailable
            raise kind(str(error)) from error
        except VaultFailed as error:
            raise Unavailable(str(error)) from error

    async def ping(self) -> None:
        """Return when Vault does something for our token.

        Raises ``Unavailable``, whose reason tells what is wrong: Vault is sealed, a standby without a leader, not
        initialised or out of reach, or it refuses our token. Asks past the circuit breaker, which is about callers who
        come in numbers.
        """
        try:
            # Two questions, three quarters of the deadline together: a readiness check waits two seconds.
            await self._in_time(look_up_self, LookupAnswer, seconds=self._seconds / 2, attempts=1)
        except VaultRefused as error:
            raise Unavailable(str(error)) from error
        except VaultFailed as error:
            raise Unavailable(await self._what_is_wrong() or str(error)) from error

    async def keep_token(self) -> None:
        """Keep the token alive until cancelled: background work of a service that may be idle longer than a lease."""
        await self._keeper.keep()

    def close(self) -> None:
        """Call no more; whoever waits or comes later gets ``Unavailable``."""
        self._keeper.close()
        self._transport.close()

    async def _in_time(
        self,
        request: Callable[[Wire], bytes],
        answer: type[_Answer],
        *,
        seconds: float | None = None,
        attempts: int = _ATTEMPTS,
    ) -> _Answer:
        seconds = self._seconds if seconds is None else seconds
        scope = Deadline(seconds)
        try:
            async with scope:
                return await self._repeat(request, answer, seconds, attempts)
        except TimeoutError as error:
            if not scope.expired():
                raise
            raise VaultFailed(f"Vault did not answer within {seconds:g} s") from error

    async def _repeat(
        self, request: Callable[[Wire], bytes], answer: type[_Answer], seconds: float, attempts: int
    ) -> _Answer:
        end = asyncio.get_running_loop().time() + seconds
        attempt = 1
        while True:
            try:
                return await self._send(request, answer, end)
            except VaultFailed as error:
                if not error.is_passing or attempt == attempts:
                    raise
            await asyncio.sleep(_jitter.uniform(0, _FIRST_PAUSE_SECONDS * 2**attempt))
            attempt += 1

    async def _send(self, request: Callable[[Wire], bytes], answer: type[_Answer], end: float) -> _Answer:
        loop = asyncio.get_running_loop()
        token = await self._keeper.current()
        try:
            got = await self._transport.send(request, answer, token=token.secret, seconds=end - loop.time())
        except VaultRefused as error:
            if error.status != HTTPStatus.FORBIDDEN:
                raise
            token = await self._keeper.replace(token)
            got = await self._transport.send(request, answer, token=token.secret, seconds=end - loop.time())
        self._keeper.accepted(token)
        return got

    async def _what_is_wrong(self) -> str | None:
        def read_health(wire: Wire) -> bytes:
            body: bytes = system_backend.Health(adapter=wire).read_health_status(method="GET")
            return body

        try:
            health = await self._transport.send(read_health, _Health, token=None, seconds=self._seconds / 4)
        except (VaultFailed, Unavailable):
            return None
        if not health.initialized:
            return "Vault is not initialised"
        if health.sealed:
            return "Vault is sealed"
        return "Vault is a standby and reaches no active node" if health.standby else None
