"""A subject's state, straight from the record."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

from paseport.subject import SubjectState
from paseport_shared.domain.errors import NotFound, Unavailable
from paseport_shared.domain.ports.record import Record, RecordTransaction
from paseport_shared.domain.ports.role_directory import RoleDirectory


class ResolveSubject:
    """Answers misses of the role directory (the port ``SubjectSource``) and repairs it on the way, where it answers."""

    def __init__(self, record: Record, roles: RoleDirectory) -> None:
        self._record = record
        self._roles = roles

    async def resolve(self, user_id: UUID) -> SubjectState | None:
        """Return the state, or None where there is no such user. Raises ``Unavailable``."""

        async def find(transaction: RecordTransaction) -> SubjectState | None:
            try:
                return (await transaction.users.get(user_id)).state
            except NotFound:
                return None

        state = await self._record.transact(find)
        if state is not None:
            # On the way, not in the way: whoever asks because the directory is away has nobody else to ask.
            with suppress(Unavailable):
                await self._roles.put(state)
        return state
