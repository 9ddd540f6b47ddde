"""OAuth clients in memory."""

from __future__ import annotations

from collections.abc import Iterable

from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.domain.models.client import Client


class MemoryClientDirectory:
    """``ClientDirectory`` of a fixed set of clients."""

    def __init__(self, clients: Iterable[Client], outage: MemoryOutage | None = None) -> None:
        self._clients = {client.client_id: client for client in clients}
        self._outage = outage or MemoryOutage()

    async def find(self, client_id: str) -> Client | None:
        """Return the client, or None for an unknown one."""
        self._outage.check()
        return self._clients.get(client_id)
