"""Reading users."""

from __future__ import annotations

from uuid import UUID

from paseport_shared.domain.models.user import User, UserPage, UserQuery
from paseport_shared.domain.ports.record import Record, RecordTransaction


class ReadUsers:
    """One user, or a page of them, from the record."""

    def __init__(self, record: Record) -> None:
        self._record = record

    async def one(self, user_id: UUID) -> User:
        """Return the user. Raises ``NotFound``, ``Unavailable``."""

        async def get(transaction: RecordTransaction) -> User:
            return await transaction.users.get(user_id)

        return await self._record.transact(get)

    async def page(self, query: UserQuery) -> UserPage:
        """Return one page. Raises ``Unavailable``."""

        async def read(transaction: RecordTransaction) -> UserPage:
            return await transaction.users.page(query)

        return await self._record.transact(read)
