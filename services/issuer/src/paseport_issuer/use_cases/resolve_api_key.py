"""API keys, straight from the record."""

from __future__ import annotations

from contextlib import suppress

from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.api_key import ApiKey, ApiKeyEntry
from paseport_shared.domain.ports.api_key_directory import ApiKeyDirectory
from paseport_shared.domain.ports.record import Record, RecordTransaction


class ResolveApiKey:
    """Answers misses of the directory (the port ``ApiKeyFinder``) and repairs it on the way, where it answers."""

    def __init__(self, record: Record, directory: ApiKeyDirectory) -> None:
        self._record = record
        self._directory = directory

    async def find(self, key_id: str) -> ApiKey | None:
        """Return the key, or None where there is none, or it was revoked. Raises ``Unavailable``."""

        async def read(transaction: RecordTransaction) -> ApiKeyEntry | None:
            return await transaction.api_keys.find_entry(key_id)

        return await self._told(await self._record.transact(read))

    async def find_legacy(self, digest: str) -> ApiKey | None:
        """Return the key that another system made, by its ``legacy_digest``. Raises ``Unavailable``."""

        async def read(transaction: RecordTransaction) -> ApiKeyEntry | None:
            return await transaction.api_keys.find_legacy(digest)

        return await self._told(await self._record.transact(read))

    async def _told(self, entry: ApiKeyEntry | None) -> ApiKey | None:
        if entry is not None:
            # On the way, not in the way: whoever asks because the directory is away has nobody else to ask.
            with suppress(Unavailable):
                await self._directory.put([entry])
        return entry if isinstance(entry, ApiKey) else None
