"""Carrying a stored change of a client to the directory."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from paseport_shared.domain.errors import RecordedNotInForce, Unavailable
from paseport_shared.domain.models.client import Client
from paseport_shared.domain.models.client_registry import ClientEntry
from paseport_shared.domain.ports.client_directory import ClientDirectory
from paseport_shared.domain.ports.record import Record, RecordTransaction

_BATCH: Final = 100
_PAUSE_SECONDS: Final = 1.0


class ProjectClient:
    """Writes the directory through after the record has committed.

    As with users (ADR 0014), a change and the duty to carry it are one write, and what an outage cut off is completed
    in the background by whichever issuer comes first. A client's duty needs no row of its own: a deleted client's row
    stays, so the row itself says which revision the directory knows. Carrying a change twice is carrying it once.
    """

    def __init__(self, record: Record, directory: ClientDirectory) -> None:
        self._record = record
        self._directory = directory

    async def changed(self, entry: ClientEntry) -> None:
        """Publish a client, or that it was deleted. Raises ``RecordedNotInForce`` when the directory is away."""
        try:
            await store_entry(self._directory, entry)
        except Unavailable as problem:
            raise RecordedNotInForce(problem.reason, problem.retry_after) from problem

        async def settle(transaction: RecordTransaction) -> None:
            await transaction.clients.settle(entry.client_id, entry.revision)

        # It is in force. What stays noted as due is carried once more, which changes nothing.
        with suppress(Unavailable):
            await self._record.transact(settle)

    async def complete_for(self, client_id: str) -> None:
        """Carry what is on record of one client: somebody repeats the request that an outage cut off.

        Raises as ``changed``, and ``Unavailable``.
        """

        async def read(transaction: RecordTransaction) -> ClientEntry | None:
            return await transaction.clients.find_entry(client_id)

        entry = await self._record.transact(read)
        if entry is not None:
            await self.changed(entry)

    async def complete(self) -> int:
        """Carry what is due, and say how many changes that were. Raises ``Unavailable``."""

        async def read(transaction: RecordTransaction) -> tuple[ClientEntry, ...]:
            return await transaction.clients.due(_BATCH)

        due = await self._record.transact(read)
        for entry in due:
            await self.changed(entry)
        return len(due)

    async def keep_completing(self) -> None:
        """Carry what becomes due, until cancelled."""
        while True:
            with suppress(Unavailable):
                await self.complete()
            await asyncio.sleep(_PAUSE_SECONDS)


async def store_entry(directory: ClientDirectory, entry: ClientEntry) -> None:
    """Bring one client of the record to the directory, as it is or as a tombstone. Raises ``Unavailable``."""
    if isinstance(entry, Client):
        await directory.put(entry)
    else:
        await directory.remove(entry)
