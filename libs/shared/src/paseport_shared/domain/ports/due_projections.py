"""The list of what is on record and may not be in force yet."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from paseport_shared.domain.models.due_projection import DueProjection


class DueProjections(Protocol):
    """Inside a record transaction: a change of a user and the duty to carry it to the read models are one write."""

    async def put(self, due: DueProjection) -> None:
        """Add a duty.

        What is due for the user already is merged: the newer revision, the older ``since``, access ended by either.
        """
        ...

    async def settle(self, user_id: UUID, revision: int) -> None:
        """Remove the duty of a user, unless a revision newer than ``revision`` is due by now."""
        ...

    async def find(self, user_id: UUID) -> DueProjection | None:
        """Return what is due for a user, or None."""
        ...

    async def oldest(self, limit: int) -> tuple[DueProjection, ...]:
        """Return up to ``limit`` duties, the longest due first."""
        ...
