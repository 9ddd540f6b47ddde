"""Clients, where every request that names one looks."""

from __future__ import annotations

from typing import Protocol

from paseport_shared.domain.models.client import Client
from paseport_shared.domain.models.client_registry import DeletedClient


class ClientDirectory(Protocol):
    """The read model of clients. Only the issuer reads and writes it.

    Every method raises ``Unavailable`` when the directory does not answer: never a miss.
    """

    async def find(self, client_id: str) -> Client | None:
        """Return the client, or None where the directory has no entry, or knows that the client was deleted."""
        ...

    async def is_complete(self) -> bool:
        """Say whether a miss is final: the directory was loaded whole and written through since."""
        ...

    async def put(self, client: Client) -> bool:
        """Store a client unless the entry held has the same or a newer ``revision``; say whether it was stored."""
        ...

    async def remove(self, gone: DeletedClient) -> bool:
        """Replace the entry by a tombstone, under the rule of ``put``: a late writer brings no deleted client back."""
        ...

    async def mark_complete(self) -> None:
        """Declare that every client of the record has an entry."""
        ...
