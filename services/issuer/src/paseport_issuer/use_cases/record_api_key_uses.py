"""Moving uses of API keys from those who see them to the record."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.ports.api_key_usage import ApiKeyUsage
from paseport_shared.domain.ports.record import Record, RecordTransaction

_BATCH: Final = 200
_MOST_BATCHES: Final = 50
"""Of one round. Every row is written once a round at most, and the record has other things to do."""
_PAUSE_SECONDS: Final = 10.0


class RecordApiKeyUses:
    """Best effort: uses that are taken while the record goes away are given back, and at worst a count is lost."""

    def __init__(self, usage: ApiKeyUsage, record: Record) -> None:
        self._usage = usage
        self._record = record

    async def step(self) -> int:
        """Record one batch, and say of how many keys. Raises ``Unavailable``."""
        uses = await self._usage.take(_BATCH)
        if not uses:
            return 0

        async def note(transaction: RecordTransaction) -> None:
            await transaction.api_keys.note_uses(uses)

        try:
            await self._record.transact(note)
        except Unavailable:
            await self._usage.add(uses)
            raise
        return len(uses)

    async def keep(self) -> None:
        """Record what comes in, every ten seconds, until cancelled."""
        while True:
            with suppress(Unavailable):
                for _ in range(_MOST_BATCHES):
                    if await self.step() < _BATCH:
                        break
            await asyncio.sleep(_PAUSE_SECONDS)

    async def drain(self) -> None:
        """Record what is there, at the end. Raises ``Unavailable``."""
        while await self.step():
            pass
