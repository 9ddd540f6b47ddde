"""Carrying a stored change of an API key to everything that reads it elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

from paseport.clock import Clock
from paseport.revocation import Revocation, RevocationKind
from paseport_shared.domain.errors import RecordedNotInForce, Unavailable
from paseport_shared.domain.models.api_key import ApiKeyEntry
from paseport_shared.domain.ports.api_key_directory import ApiKeyDirectory
from paseport_shared.domain.ports.record import Record, RecordTransaction
from paseport_shared.domain.ports.revocation_publisher import RevocationPublisher

_BATCH: Final = 100
_MOST_BATCHES: Final = 10
"""Between two pauses. Where the record cannot note that something was carried, it is carried again and again."""
_PAUSE_SECONDS: Final = 1.0
_NAMED_FOR: Final = timedelta(hours=1)
"""Far longer than a verifier keeps a copy of a key: who was cut off for so long has none left."""
_FIRST_REVISION: Final = 1


class ProjectApiKey:
    """Writes the directory through and tells verifiers that their copies are old, after the record has committed.

    As with clients, a change and the duty to carry it are one write: the row itself says that it is due, and a revoked
    key's row stays. What an outage cut off is completed in the background by whichever issuer comes first. Carrying a
    change twice is carrying it once.

    A verifier that hears of a new revision asks again, so the directory has it before anybody hears of it.
    """

    def __init__(
        self, record: Record, directory: ApiKeyDirectory, publisher: RevocationPublisher, clock: Clock
    ) -> None:
        self._record = record
        self._directory = directory
        self._publisher = publisher
        self._clock = clock

    async def due(self, transaction: RecordTransaction, *entries: ApiKeyEntry) -> None:
        """Put on record, in the transaction that changes keys, that what is known of older revisions does not count.

        So the feed that comes from the record says it while the hot one is away, and a new primary learns of it.
        """
        changed = [self._older_than(entry) for entry in entries if entry.revision > _FIRST_REVISION]
        await transaction.revocations.add(*changed)

    async def changed(self, *entries: ApiKeyEntry) -> None:
        """Bring keys, or what is left of them, to the directory and to every verifier.

        Raises ``RecordedNotInForce`` when a part does not answer.
        """
        for begin in range(0, len(entries), _BATCH):
            await self._carry(entries[begin : begin + _BATCH])

    async def complete_for(self, key_id: str) -> None:
        """Carry what is on record of one key: somebody repeats the request that an outage cut off.

        Raises as ``changed``, and ``Unavailable``.
        """

        async def read(transaction: RecordTransaction) -> ApiKeyEntry | None:
            return await transaction.api_keys.find_entry(key_id)

        entry = await self._record.transact(read)
        if entry is not None:
            await self.changed(entry)

    async def complete(self) -> int:
        """Carry what is due, and say how many changes that were. Raises ``Unavailable``."""

        async def read(transaction: RecordTransaction) -> tuple[ApiKeyEntry, ...]:
            return await transaction.api_keys.due(_BATCH)

        due = await self._record.transact(read)
        await self.changed(*due)
        return len(due)

    async def keep_completing(self) -> None:
        """Carry what becomes due, until cancelled."""
        while True:
            with suppress(Unavailable):
                for _ in range(_MOST_BATCHES):
                    if await self.complete() < _BATCH:
                        break
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _carry(self, entries: Sequence[ApiKeyEntry]) -> None:
        try:
            await self._directory.put(entries)
            for entry in entries:
                if entry.revision > _FIRST_REVISION:
                    await self._publisher.publish(self._older_than(entry))
        except Unavailable as problem:
            raise RecordedNotInForce(problem.reason, problem.retry_after) from problem

        async def settle(transaction: RecordTransaction) -> None:
            for entry in entries:
                await transaction.api_keys.settle(entry.id, entry.revision)

        # It is in force. What stays noted as due is carried once more, which changes nothing.
        with suppress(Unavailable):
            await self._record.transact(settle)

    def _older_than(self, entry: ApiKeyEntry) -> Revocation:
        now = self._clock.now()
        return Revocation(RevocationKind.API_KEY, entry.id, entry.revision, now, now + _NAMED_FOR)
