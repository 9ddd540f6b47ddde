"""Clients in memory."""

from __future__ import annotations

from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.domain.models.client import Client
from paseport_shared.domain.models.client_registry import ClientEntry, DeletedClient


class MemoryClientDirectory:
    """``ClientDirectory`` in a dict; as long as the clients of the record, since deleted ones keep an entry."""

    def __init__(self, outage: MemoryOutage | None = None) -> None:
        self._outage = outage or MemoryOutage()
        self._entries: dict[str, ClientEntry] = {}
        self._complete = False

    async def find(self, client_id: str) -> Client | None:
        """See ``ClientDirectory.find``."""
        self._outage.check()
        held = self._entries.get(client_id)
        return held if isinstance(held, Client) else None

    async def is_complete(self) -> bool:
        """See ``ClientDirectory.is_complete``."""
        self._outage.check()
        return self._complete

    async def put(self, client: Client) -> bool:
        """See ``ClientDirectory.put``."""
        return self._store(client)

    async def remove(self, gone: DeletedClient) -> bool:
        """See ``ClientDirectory.remove``."""
        return self._store(gone)

    async def mark_complete(self) -> None:
        """See ``ClientDirectory.mark_complete``."""
        self._outage.check()
        self._complete = True

    def _store(self, entry: ClientEntry) -> bool:
        self._outage.check()
        held = self._entries.get(entry.client_id)
        if held is not None and held.revision >= entry.revision:
            return False
        self._entries[entry.client_id] = entry
        return True
