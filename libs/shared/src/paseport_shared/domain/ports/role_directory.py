"""Live roles and state of subjects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from paseport.subject import SubjectDirectory, SubjectState


class RoleDirectory(SubjectDirectory, Protocol):
    """The read model that decisions ask, as the issuer sees it: nobody else writes it.

    Every method raises ``Unavailable`` when the directory does not answer: never an empty set of roles.
    """

    async def put(self, state: SubjectState) -> bool:
        """Store a state unless the one held has the same or a newer ``revision``; say whether it was stored."""
        ...

    async def put_all(self, states: Sequence[SubjectState]) -> None:
        """Do with several states, in few steps, what ``put`` does with one."""
        ...

    async def mark_complete(self) -> None:
        """Declare that every subject of the record has an entry."""
        ...
