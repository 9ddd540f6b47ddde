"""Live roles and state of subjects."""

from __future__ import annotations

from typing import Protocol

from paseport.subject import SubjectDirectory, SubjectState


class RoleDirectory(SubjectDirectory, Protocol):
    """The read model that decisions ask, as the issuer sees it: nobody else writes it.

    Every method raises ``Unavailable`` when the directory does not answer: never an empty set of roles.
    """

    async def put(self, state: SubjectState) -> bool:
        """Store a state unless the one held has the same or a newer ``revision``; say whether it was stored."""
        ...

    async def mark_complete(self) -> None:
        """Declare that every subject of the record has an entry."""
        ...
