"""Looking up who a subject is today."""

from __future__ import annotations

from uuid import UUID

from paseport_shared.domain.models.principal import SubjectState
from paseport_shared.domain.ports.role_directory import RoleDirectory, SubjectSource


class FindSubject:
    """Asks the role directory, and the record's keeper only where a miss is not final (design §5)."""

    def __init__(self, roles: RoleDirectory, source: SubjectSource) -> None:
        self._roles = roles
        self._source = source

    async def __call__(self, user_id: UUID) -> SubjectState | None:
        """Return the subject's state, or None where there is no such user. Raises ``Unavailable``, never guesses."""
        state = await self._roles.find(user_id)
        if state is None and not await self._roles.is_complete():
            return await self._source.resolve(user_id)
        return state
