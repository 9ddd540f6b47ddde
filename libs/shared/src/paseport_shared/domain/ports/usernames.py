"""Who is meant by a user name."""

from __future__ import annotations

from typing import Protocol

from paseport.subject import SubjectState


class Usernames(Protocol):
    """Whoever knows all user names: the issuer. For administrators who ask, never for a decision."""

    async def find(self, username: str) -> SubjectState | None:
        """Return the user with this name, or None where there is none. Raises ``Unavailable``, never guesses."""
        ...
