"""Which node is the primary."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from typing import Final

from redis.exceptions import ResponseError

from paseport.errors import Unavailable
from paseport.redis.followers import Followers
from paseport.redis.script import loading
from paseport.redis.sentinels import SentinelAnswer, Sentinels
from paseport.redis.settings import Address, RedisSettings
from paseport.redis.wire import Wire, pack

_ASK_AGAIN_SECONDS: Final = 0.5


class Primary:
    """The node that all connections go to: the configured one, or the one that most Sentinels name.

    ``generation`` grows whenever connections that were opened so far must not be used any more. ``followers`` are the
    replicas that have to confirm what it writes.
    """

    def __init__(self, settings: RedisSettings) -> None:
        self._settings = settings
        self._sentinels = Sentinels(settings) if settings.sentinels else None
        self._address = settings.node
        self._lock = asyncio.Lock()
        self._asked_at = 0.0
        self._answers: Sequence[SentinelAnswer] = ()
        self._suspected = False
        self.generation = 0
        self.followers = Followers(settings.wait_replicas, may_be_promoted=bool(settings.sentinels))

    async def connect(self) -> Wire:
        """Return a new connection to it. Raises ``Unavailable``, also when the node says that it is a replica."""
        address = await self._locate()
        generation = self.generation
        try:
            wire = await Wire.open(
                address,
                self._settings,
                username=self._settings.username,
                password=self._settings.password,
                db=self._settings.db,
            )
            wire.generation = generation
            greeting = (("ROLE",), *loading())
            role, *_ = await wire.exchange(pack(greeting), len(greeting), self._settings.deadline_seconds)
            if isinstance(role, ResponseError) or role[0] != b"master":
                await wire.close()
                raise Unavailable(f"Redis at {address} is not the primary")
            majority = self._sentinels.majority if self._sentinels is not None else 1
            self.followers.attach(address, role, self._answers, majority)
        except Unavailable:
            self.forget(generation)
            raise
        return wire

    async def is_current(self, wire: Wire) -> bool:
        """Say whether the wire leads to the primary, as far as is known, and can be used."""
        if self._is_in_doubt() and self._sentinels is not None:
            async with self._lock:
                if self._is_in_doubt():
                    await self._ask(self._sentinels)
        return wire.generation == self.generation and await wire.is_usable()

    def forget(self, generation: int) -> None:
        """Note that connections of this generation fail or lead to a replica: the Sentinels are asked again."""
        if generation == self.generation:
            self._move(self._settings.node)

    def suspect(self) -> None:
        """Note that the node answers and cannot get its writes confirmed: it may have been left behind."""
        self._suspected = True

    async def is_confirmed(self) -> bool:
        """Say whether a majority of the configured Sentinels names the node that connections go to, now.

        Where it names another one, connections go there from now on. A single node is its own witness.
        """
        if self._sentinels is None:
            return True
        async with self._lock:
            votes = await self._ask(self._sentinels)
            return self._address is not None and votes[self._address] >= self._sentinels.majority

    async def aclose(self) -> None:
        """Close the connections to the Sentinels."""
        if self._sentinels is not None:
            await self._sentinels.aclose()

    async def _locate(self) -> Address:
        if self._address is None and self._sentinels is not None:
            async with self._lock:
                if self._address is None:
                    await self._ask(self._sentinels)
        if self._address is None:
            raise Unavailable("no Sentinel names a primary")
        return self._address

    async def _ask(self, sentinels: Sentinels) -> Counter[Address]:
        """Ask and go where a majority points.

        Where fewer than half of the Sentinels answer, theirs counts if nothing else is known: the service goes on while
        the primary does. A node that only a minority still calls primary loses its replicas, so that what must not be
        lost is refused by ``WAIT``, and ``is_confirmed`` tells the two apart.
        """
        self._asked_at = time.monotonic()
        self._suspected = False
        self._answers = answers = await sentinels.ask()
        votes = Counter(answer.primary for answer in answers)
        for address, count in votes.most_common(1):
            if address != self._address and (count >= sentinels.majority or self._address is None):
                self._move(address)
        self.followers.judge(answers, sentinels.majority)
        return votes

    def _move(self, address: Address | None) -> None:
        self._address = address
        self.generation += 1

    def _is_in_doubt(self) -> bool:
        has_reason = self._suspected or self.followers.are_incomplete
        return has_reason and time.monotonic() - self._asked_at >= _ASK_AGAIN_SECONDS
