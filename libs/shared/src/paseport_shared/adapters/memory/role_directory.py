"""Live roles in memory."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from paseport.subject import SubjectState

from paseport_shared.adapters.memory.outage import MemoryOutage


class MemoryRoleDirectory:
    """``RoleDirectory`` in a dict; as long as the subjects of the record, since deleted ones keep an entry."""

    def __init__(self, outage: MemoryOutage | None = None) -> None:
        self._outage = outage or MemoryOutage()
        self._states: dict[UUID, SubjectState] = {}
        self._complete = False

    async def find(self, user_id: UUID) -> SubjectState | None:
        """Return the subject's state, or None where the directory has no entry."""
        self._outage.check()
        return self._states.get(user_id)

    async def is_complete(self) -> bool:
        """Say whether a miss is final."""
        self._outage.check()
        return self._complete

    async def put(self, state: SubjectState) -> bool:
        """Store a state unless the one held has the same or a newer ``revision``; say whether it was stored."""
        self._outage.check()
        held = self._states.get(state.user_id)
        if held is not None and held.revision >= state.revision:
            return False
        self._states[state.user_id] = state
        return True

    async def put_all(self, states: Sequence[SubjectState]) -> None:
        """Store those that are newer than what is held."""
        for state in states:
            await self.put(state)

    async def mark_complete(self) -> None:
        """Declare that every subject of the record has an entry."""
        self._outage.check()
        self._complete = True
