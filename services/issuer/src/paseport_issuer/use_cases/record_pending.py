"""Bringing acts that are in force to the record."""

from __future__ import annotations

import asyncio
from typing import Final

from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.ports.pending_record import PendingRecord
from paseport_shared.domain.ports.record import Record, RecordTransaction

_BATCH: Final = 100
_WAIT_SECONDS: Final = 1.0
_RETRY_SECONDS: Final = 1.0


class RecordPending:
    """Moves entries in order, acknowledging a batch once it is committed; a crash in between repeats it, harmlessly."""

    def __init__(self, pending: PendingRecord, record: Record) -> None:
        self._pending = pending
        self._record = record

    async def __call__(self) -> None:
        """Move entries until cancelled."""
        while True:
            try:
                await self.step(_WAIT_SECONDS)
            except Unavailable:
                await asyncio.sleep(_RETRY_SECONDS)

    async def drain(self) -> None:
        """Move everything there is, then return. Raises ``Unavailable``."""
        while await self.step(wait_seconds=0):
            pass

    async def step(self, wait_seconds: float) -> int:
        """Move one batch and return its size. Raises ``Unavailable``; then nothing of it is lost."""
        batch = await self._pending.read(_BATCH, wait_seconds)
        if not batch:
            return 0

        async def store(transaction: RecordTransaction) -> None:
            # All at once: who adds revocations in an order of its own locks out others who do, and is locked out.
            await transaction.revocations.add(*(one for _, entry in batch for one in entry.revocations))
            for _, entry in batch:
                await transaction.audit.append(entry.event)

        await self._record.transact(store)
        await self._pending.acknowledge(tuple(handle for handle, _ in batch))
        return len(batch)
