"""Acts on their way to the record, in Redis."""

from __future__ import annotations

from typing import Final

import msgspec
from paseport.redis.access import RedisAccess
from paseport.redis.script import Script

from paseport_shared.domain.errors import Overloaded
from paseport_shared.domain.models.pending import PendingEntry

NAMESPACE: Final = "pending_record"
CAPACITY: Final = 100_000

_APPEND: Final = Script("""
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then return false end
return redis.call('XADD', KEYS[1], '*', 'entry', ARGV[2])
""")

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(PendingEntry).decode


class RedisPendingRecord:
    """``PendingRecord`` as a stream that every issuer appends to and any of them moves to the record.

    An entry is on a replica before it counts as kept. Two issuers may read one entry; the record takes it once. Holds
    at most ``capacity`` entries, then raises ``Overloaded``: a database that stays away must not fill memory.
    """

    def __init__(self, access: RedisAccess, *, capacity: int = CAPACITY, namespace: str = NAMESPACE) -> None:
        self._access = access
        self._capacity = capacity
        self._stream = namespace

    async def append(self, entry: PendingEntry) -> None:
        """Keep an entry until it is acknowledged."""
        (handle,) = await self._access.confirm(_APPEND([self._stream], self._capacity, _encode(entry)))
        if handle is None:
            raise Overloaded("too many acts wait for the record")

    async def read(self, limit: int, wait_seconds: float) -> tuple[tuple[str, PendingEntry], ...]:
        """Return up to ``limit`` unacknowledged entries, oldest first, each with its handle."""
        (entries,) = await self._access.send(("XRANGE", self._stream, "-", "+", "COUNT", limit))
        if not entries and wait_seconds > 0:
            streams = await self._access.read_alone(
                ("XREAD", "COUNT", limit, "BLOCK", max(1, round(wait_seconds * 1000)), "STREAMS", self._stream, "0"),
                wait_seconds,
            )
            entries = streams[0][1] if streams else []
        return tuple((handle.decode(), _decode(fields[1])) for handle, fields in entries)

    async def acknowledge(self, handles: tuple[str, ...]) -> None:
        """Remove entries that are on record now."""
        if handles:
            await self._access.send(("XDEL", self._stream, *handles))

    async def length(self) -> int:
        """Return how many entries are unacknowledged."""
        (length,) = await self._access.send(("XLEN", self._stream))
        return int(length)
