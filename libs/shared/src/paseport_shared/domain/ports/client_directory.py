"""OAuth clients."""

from __future__ import annotations

from typing import Protocol

from paseport_shared.domain.models.client import Client


class ClientDirectory(Protocol):
    """The clients that may hold tokens."""

    async def find(self, client_id: str) -> Client | None:
        """Return the client, or None for an unknown or disabled one. Raises ``Unavailable``."""
        ...
