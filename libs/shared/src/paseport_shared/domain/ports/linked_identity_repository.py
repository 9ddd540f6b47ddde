"""Linked identities in the record."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from uuid import UUID

from paseport_shared.domain.models.linked_identity import LinkedIdentity


class LinkedIdentityRepository(Protocol):
    """Identities and whose they are, inside a record transaction. They end with their user."""

    async def find(self, namespace: str, subject: str) -> LinkedIdentity | None:
        """Return the identity, or None. Any text may be asked for; it is equal only to itself."""
        ...

    async def list_for_user(self, user_id: UUID) -> tuple[LinkedIdentity, ...]:
        """Return the user's identities, the oldest first."""
        ...

    async def add(self, identity: LinkedIdentity) -> None:
        """Store a new identity.

        Raises ``AlreadyExists`` with ``identity`` where it is somebody's, of concurrent callers all but one, and
        ``NotFound`` where there is no such user.
        """
        ...

    async def note_use(self, identity_id: UUID, *, email: str | None, at: datetime) -> None:
        """Note that it signed its user in, and what the provider calls it now. Nothing where it is gone."""
        ...

    async def remove(self, identity_id: UUID, user_id: UUID) -> LinkedIdentity | None:
        """Remove an identity of this user and return it, or None where there is none."""
        ...
