"""Who is meant by what people type as their name, straight from the record."""

from __future__ import annotations

from paseport.subject import SubjectState
from paseport_shared.domain.ports.record import Record, RecordTransaction


class ResolveUsername:
    """Answers the api, which has no list of users, for an administrator who names one (the port ``Usernames``)."""

    def __init__(self, record: Record) -> None:
        self._record = record

    async def find(self, username: str) -> SubjectState | None:
        """Return the state of the user with this user name or e-mail address, or None. Raises ``Unavailable``."""

        async def find(transaction: RecordTransaction) -> SubjectState | None:
            user = await transaction.users.find_by_login(username)
            return None if user is None else user.state

        return await self._record.transact(find)
