"""What the Sentinels say."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Final

from redis.exceptions import ResponseError

from paseport_shared.adapters.redis.script import Command
from paseport_shared.adapters.redis.settings import Address, RedisSettings
from paseport_shared.adapters.redis.wire import Wire, pack
from paseport_shared.domain.errors import Unavailable

_ASK_SECONDS: Final = 0.25
"""How long one Sentinel may take, connecting included: half of a call's deadline."""


class Sentinels:
    """All configured Sentinels, each with a connection of its own that is kept."""

    def __init__(self, settings: RedisSettings) -> None:
        self._peers = tuple(_Peer(address, settings) for address in settings.sentinels)
        self.majority = len(self._peers) // 2 + 1
        """How many of the configured ones, whether they answer or not, are more than half."""
        self._asked: set[asyncio.Task[Address | None]] = set()

    async def votes(self) -> Counter[Address]:
        """Ask all at once and count who is named primary; returns early once a majority names one.

        Sentinels that do not answer, or do not know the primary's name, have no vote.
        """
        asked = [asyncio.create_task(peer.ask()) for peer in self._peers]
        # Who is not waited for any more may finish: a question that is broken off costs its connection.
        self._asked.update(asked)
        votes: Counter[Address] = Counter()
        for answer in asyncio.as_completed(asked):
            named = await answer
            if named is not None:
                votes[named] += 1
                if votes[named] >= self.majority:
                    break
        for task in tuple(self._asked):
            if task.done():
                self._asked.discard(task)
        return votes

    async def aclose(self) -> None:
        """Close all connections."""
        for task in self._asked:
            task.cancel()
        await asyncio.gather(*self._asked, return_exceptions=True)
        for peer in self._peers:
            await peer.aclose()


class _Peer:
    def __init__(self, address: Address, settings: RedisSettings) -> None:
        self._address = address
        self._settings = settings
        question: Command = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", settings.master_name)
        self._question = pack([question])
        self._lock = asyncio.Lock()
        self._wire: Wire | None = None

    async def ask(self) -> Address | None:
        try:
            async with asyncio.timeout(_ASK_SECONDS), self._lock:
                if self._wire is None or not await self._wire.is_usable():
                    await self.aclose()
                    self._wire = await Wire.open(
                        self._address,
                        self._settings,
                        username=self._settings.sentinel_username,
                        password=self._settings.sentinel_password,
                        db=0,
                    )
                (reply,) = await self._wire.exchange(self._question, 1, _ASK_SECONDS)
        except (Unavailable, TimeoutError):
            return None
        if reply is None or isinstance(reply, ResponseError):
            return None
        host, port = reply
        return Address(host.decode(), int(port))

    async def aclose(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            await wire.close()
