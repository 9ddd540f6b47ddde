"""Clients in the record."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from paseport_shared.domain.models.client import Client, ClientKind
from paseport_shared.domain.models.client_registry import ClientEntry, ClientPage, ClientQuery


class ClientRepository(Protocol):
    """Clients of every kind that administrators manage, inside a record transaction.

    An id is given out once, and for ever, whatever the kind.

    Every change leaves its client *due*: the directory may not know of it yet. That is part of the row which the
    change writes, so no change can be recorded without the duty to carry it.
    """

    async def get(self, client_id: str, kind: ClientKind = ClientKind.OAUTH) -> Client:
        """Return the client. Raises ``NotFound``, also for a deleted one and for one of another kind."""
        ...

    async def find(self, client_id: str) -> Client | None:
        """Return the client, of whatever kind, or None. Any text may be asked for."""
        ...

    async def add(self, client: Client) -> None:
        """Store a new client. Raises ``AlreadyExists`` with ``client_id`` where the id is taken, or ever was."""
        ...

    async def update(self, client: Client, *, expected_revision: int) -> None:
        """Replace the stored client by one of its kind; ``client.revision`` is ``expected_revision + 1``.

        Raises ``NotFound``, ``PreconditionFailed`` where the stored revision is another.
        """
        ...

    async def delete(self, client_id: str, *, expected_revision: int, at: datetime) -> None:
        """Delete the client with its secrets; the id stays taken, with revision ``expected_revision + 1``.

        Raises ``NotFound``, ``PreconditionFailed``.
        """
        ...

    async def page(self, query: ClientQuery) -> ClientPage:
        """Return one page of those that are not deleted."""
        ...

    async def entries(self, after: str | None, limit: int) -> tuple[ClientEntry, ...]:
        """Return up to ``limit`` clients in id order, deleted ones too: for loading the directory."""
        ...

    async def find_entry(self, client_id: str) -> ClientEntry | None:
        """Return the client, what is left of it, or None where there never was one."""
        ...

    async def due(self, limit: int) -> tuple[ClientEntry, ...]:
        """Return up to ``limit`` clients, deleted ones too, whose last change the directory may not know, by id."""
        ...

    async def settle(self, client_id: str, revision: int) -> None:
        """Note that the directory knows the client as of ``revision``. A newer change stays due."""
        ...
