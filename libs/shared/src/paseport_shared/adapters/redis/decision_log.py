"""Denials, in Redis."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from typing import Final

import msgspec
from paseport.redis.access import RedisAccess

from paseport_shared.domain.errors import InvalidRequest
from paseport_shared.domain.models.denial import Denial, shortened
from paseport_shared.domain.models.identifiers import parse_uuid

STREAM: Final = "decision:log"
CAPACITY: Final = 100_000

_AT_ONCE: Final = 100
_PAGE: Final = 500
_TIMED_UUID: Final = 7
_EARLIER: Final = 60_000
"""Milliseconds by which Redis' clock may be behind that of whoever made a request id."""
_LATER: Final = 15 * 60_000
"""Milliseconds by which it may be ahead, and the time that a denial waits until it is written, a short outage long."""
_POSITION: Final = re.compile(r"([0-9]{1,20})-([0-9]{1,20})")

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Denial).decode


class RedisDecisionLog:
    """``DecisionLog`` as a capped stream that every api appends to. No replica is waited for.

    Request ids are UUIDs that begin with the time of the request: a search looks at the entries of its quarter of an
    hour alone.
    """

    def __init__(self, access: RedisAccess, *, capacity: int = CAPACITY, stream: str = STREAM) -> None:
        self._access = access
        self._capacity = capacity
        self._stream = stream

    async def add(self, denials: Sequence[Denial]) -> None:
        """See ``DecisionLog.add``."""
        rest = iter(denials)
        while some := tuple(islice(rest, _AT_ONCE)):
            await self._access.send(*(
                ("XADD", self._stream, "MAXLEN", "~", self._capacity, "*", "id", denial.request_id, "denial",
                 _encode(shortened(denial)))
                for denial in some
            ))  # fmt: skip

    async def find(self, request_id: str) -> Denial | None:
        """See ``DecisionLog.find``."""
        value = parse_uuid(request_id)
        if value is None or value.version != _TIMED_UUID:
            return None
        made_at = value.int >> 80
        start, end = f"{max(0, made_at - _EARLIER)}", f"{made_at + _LATER}"
        wanted = request_id.encode()
        while True:
            (entries,) = await self._access.send(("XRANGE", self._stream, start, end, "COUNT", _PAGE))
            for _, fields in entries:
                if fields[1] == wanted:
                    return _decode(fields[3])
            if len(entries) < _PAGE:
                return None
            start = f"({entries[-1][0].decode()}"

    async def latest(self, limit: int, before: str | None = None) -> tuple[tuple[Denial, ...], str | None]:
        """See ``DecisionLog.latest``."""
        if before is not None and not _is_position(before):
            raise InvalidRequest("a position that is none of the log's")
        end = "+" if before is None else f"({before}"
        if before == "0-0":
            return (), None
        (entries,) = await self._access.send(("XREVRANGE", self._stream, end, "-", "COUNT", limit + 1))
        shown = entries[:limit]
        position = shown[-1][0].decode() if len(entries) > limit else None
        return tuple(_decode(fields[3]) for _, fields in shown), position


def _is_position(text: str) -> bool:
    match = _POSITION.fullmatch(text)
    return match is not None and all(int(number) < 1 << 64 for number in match.groups())
