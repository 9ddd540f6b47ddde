"""The revocations on record, read as a feed while the hot one is away."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Final

from paseport.feed import FeedGap
from paseport.revocation import FeedChange, FeedPosition, FeedSnapshot, Revocation
from paseport_shared.domain.ports.record import Record, RecordTransaction

_START: Final = FeedPosition(0, 0)


class RecordFeed:
    """A ``RevocationFeed`` over the record, which has no increments: every time has passed, all of it is read again.

    It lacks what waits in ``PendingRecord``; whoever heard of that before keeps it, since a copy only grows.
    """

    def __init__(self, record: Record) -> None:
        self._record = record

    async def snapshot(self, now: datetime, page: str | None = None) -> FeedSnapshot:
        """See ``RevocationFeed.snapshot``."""

        async def read(transaction: RecordTransaction) -> tuple[Revocation, ...]:
            return await transaction.revocations.in_force(now)

        return FeedSnapshot(_START, await self._record.read(read))

    async def changes_since(self, position: FeedPosition, wait_seconds: float) -> tuple[FeedChange, ...]:
        """Wait, then raise ``FeedGap``."""
        await asyncio.sleep(wait_seconds)
        raise FeedGap
