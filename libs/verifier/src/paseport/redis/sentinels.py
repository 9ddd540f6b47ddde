"""What the Sentinels say."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from redis.exceptions import ResponseError

from paseport.deadline import Deadline
from paseport.errors import Unavailable
from paseport.redis.script import Reply
from paseport.redis.settings import Address, RedisSettings
from paseport.redis.wire import Wire, pack

_DOWN: Final = {b"s_down", b"o_down"}
_DISCONNECTED: Final = b"disconnected"
_SHARE_OF_DEADLINE: Final = 0.5
"""How much of a call's deadline one Sentinel may take, connecting included."""


@dataclass(frozen=True, slots=True)
class ReplicaReport:
    """What a Sentinel knows of a replica: that it does not answer, and what it last said of itself, and when."""

    is_down: bool
    """It has not answered for as long as that takes, or never did and takes no connection."""
    is_apart: bool
    """It follows a primary, and has lost it."""
    heard_seconds_ago: float

    @classmethod
    def read(cls, fields: Mapping[Reply, Reply]) -> Self:
        """Return what an entry of the answer to SENTINEL REPLICAS says."""
        flags = fields[b"flags"].split(b",")
        # Milliseconds; 0 where it was not heard yet.
        heard_ago = int(fields[b"info-refresh"])
        # Who is promoted drops all connections, those of the Sentinels too: that one has lost one says nothing.
        never_reached = heard_ago == 0 and _DISCONNECTED in flags
        has_lost_it = fields[b"role-reported"] == b"slave" and fields[b"master-link-status"] != b"ok"
        return cls(
            is_down=never_reached or not _DOWN.isdisjoint(flags),
            is_apart=heard_ago > 0 and has_lost_it,
            heard_seconds_ago=heard_ago / 1000,
        )


@dataclass(frozen=True, slots=True)
class SentinelAnswer:
    """What one of them says: who is the primary, and how its replicas are."""

    primary: Address
    replicas: Mapping[Address, ReplicaReport]


class Sentinels:
    """All configured Sentinels, each with a connection of its own that is kept."""

    def __init__(self, settings: RedisSettings) -> None:
        self._peers = tuple(_Peer(address, settings) for address in settings.sentinels)
        self.majority = len(self._peers) // 2 + 1
        """How many of the configured ones, whether they answer or not, are more than half."""
        self._asked: set[asyncio.Task[SentinelAnswer | None]] = set()

    async def ask(self) -> list[SentinelAnswer]:
        """Ask all at once; returns early once a majority names the same primary.

        Sentinels that do not answer, or do not know the primary's name, have no vote.
        """
        asked = [asyncio.create_task(peer.ask()) for peer in self._peers]
        # Who is not waited for any more may finish: a question that is broken off costs its connection.
        self._asked.update(asked)
        answers: list[SentinelAnswer] = []
        votes: Counter[Address] = Counter()
        for finished in asyncio.as_completed(asked):
            answer = await finished
            if answer is not None:
                answers.append(answer)
                votes[answer.primary] += 1
                if votes[answer.primary] >= self.majority:
                    break
        for task in tuple(self._asked):
            if task.done():
                self._asked.discard(task)
        return answers

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
        self._ask_seconds = settings.deadline_seconds * _SHARE_OF_DEADLINE
        self._questions = (
            ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", settings.master_name),
            ("SENTINEL", "REPLICAS", settings.master_name),
        )
        self._lock = asyncio.Lock()
        self._wire: Wire | None = None

    async def ask(self) -> SentinelAnswer | None:
        try:
            async with Deadline(self._ask_seconds), self._lock:
                if self._wire is None or not await self._wire.is_usable():
                    if self._wire is not None:
                        await self._wire.close()
                    self._wire = await Wire.open(
                        self._address,
                        self._settings,
                        username=self._settings.sentinel_username,
                        password=self._settings.sentinel_password,
                        db=0,
                    )
                named, replicas = await self._wire.exchange(
                    pack(self._questions), len(self._questions), self._ask_seconds
                )
        except (Unavailable, TimeoutError):
            return None
        if named is None or isinstance(named, ResponseError):
            return None
        host, port = named
        reports = {} if isinstance(replicas, ResponseError) else dict(_report(fields) for fields in replicas)
        return SentinelAnswer(Address(host.decode(), int(port)), reports)

    async def aclose(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            await wire.end()


def _report(fields: Sequence[Reply]) -> tuple[Address, ReplicaReport]:
    replica = dict(zip(fields[::2], fields[1::2], strict=True))
    return Address(replica[b"ip"].decode(), int(replica[b"port"])), ReplicaReport.read(replica)
