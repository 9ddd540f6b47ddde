"""Live roles and state of subjects."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from paseport_shared.domain.models.principal import SubjectState


class RoleDirectory(Protocol):
    """The read model that every decision asks. Both services read it; only the issuer writes it.

    Every method raises ``Unavailable`` when the directory does not answer: never an empty set of roles.
    """

    async def find(self, user_id: UUID) -> SubjectState | None:
        """Return the subject's state, or None where the directory has no entry."""
        ...

    async def is_complete(self) -> bool:
        """Say whether a miss is final: the directory was loaded whole and written through since."""
        ...

    async def put(self, state: SubjectState) -> bool:
        """Store a state unless the one held has the same or a newer ``revision``; say whether it was stored."""
        ...

    async def mark_complete(self) -> None:
        """Declare that every subject of the record has an entry."""
        ...


class SubjectSource(Protocol):
    """Where a verifier asks when the directory has no entry: the issuer, which reads the record."""

    async def resolve(self, user_id: UUID) -> SubjectState | None:
        """Return the subject's state, or None where there is no such user. Raises ``Unavailable``, never guesses."""
        ...
