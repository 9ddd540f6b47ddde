"""Consents in the record."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from paseport_shared.domain.models.consent import Consent


class ConsentRepository(Protocol):
    """What users granted to clients, inside a record transaction. They go with their user."""

    async def find(self, user_id: UUID, client_id: str) -> Consent | None:
        """Return what a user granted a client, or None."""
        ...

    async def list_for_user(self, user_id: UUID) -> tuple[Consent, ...]:
        """Return everything that a user granted, the newest first."""
        ...

    async def save(self, consent: Consent) -> None:
        """Store a consent in place of the one before. Raises ``NotFound`` where there is no such user."""
        ...

    async def remove(self, user_id: UUID, client_id: str) -> bool:
        """Forget what a user granted a client; False where there was nothing."""
        ...
