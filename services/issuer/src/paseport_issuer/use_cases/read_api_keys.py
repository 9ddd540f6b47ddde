"""Reading API keys."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from paseport_shared.domain.models.api_key import ApiKey, ApiKeyPage, ApiKeyQuery
from paseport_shared.domain.models.identifiers import parse_uuid
from paseport_shared.domain.ports.record import Record, RecordTransaction

from paseport_issuer.use_cases.key_manager import get_key_of


@dataclass(frozen=True, slots=True)
class OwnedApiKey:
    """A key, and what its owner is called."""

    key: ApiKey
    username: str


@dataclass(frozen=True, slots=True)
class OwnedApiKeyPage:
    """``items`` of one page, ``next`` to continue behind or None, and how many keys match in all."""

    items: tuple[OwnedApiKey, ...]
    next: str | None
    total: int


class ReadApiKeys:
    """One key, or a page of them, straight from the record."""

    def __init__(self, record: Record) -> None:
        self._record = record

    async def one(self, key_id: str, owner_id: UUID) -> OwnedApiKey:
        """Return a key of this owner. Raises ``NotFound``, for somebody else's too, and ``Unavailable``."""

        async def read(transaction: RecordTransaction) -> OwnedApiKey:
            key = await get_key_of(transaction, key_id, owner_id)
            return OwnedApiKey(key, (await transaction.users.get(owner_id)).username)

        return await self._record.transact(read)

    async def anybodys(self, key_id: str) -> OwnedApiKey:
        """Return a key, whosever it is. Raises ``NotFound`` and ``Unavailable``."""

        async def read(transaction: RecordTransaction) -> OwnedApiKey:
            key = await transaction.api_keys.get(key_id)
            return OwnedApiKey(key, (await transaction.users.get(key.owner_id)).username)

        return await self._record.transact(read)

    async def page_of(self, owner_id: UUID, query: ApiKeyQuery) -> OwnedApiKeyPage:
        """Return one page of somebody's keys. Raises ``NotFound`` where there is no such user, ``Unavailable``."""

        async def read(transaction: RecordTransaction) -> OwnedApiKeyPage:
            await transaction.users.get(owner_id)
            return await _named(transaction, await transaction.api_keys.page(replace(query, owner_id=owner_id)))

        return await self._record.transact(read)

    async def page(self, query: ApiKeyQuery, owner: str = "") -> OwnedApiKeyPage:
        """Return one page of everybody's keys, or of those of ``owner``: an id, a user name or an e-mail address.

        Somebody who is not there has none. Raises ``Unavailable``.
        """

        async def read(transaction: RecordTransaction) -> OwnedApiKeyPage:
            asked = query
            if owner:
                user_id = parse_uuid(owner)
                if user_id is None:
                    user = await transaction.users.find_by_login(owner)
                    if user is None:
                        return OwnedApiKeyPage((), None, 0)
                    user_id = user.id
                asked = replace(query, owner_id=user_id)
            return await _named(transaction, await transaction.api_keys.page(asked))

        return await self._record.transact(read)


async def _named(transaction: RecordTransaction, page: ApiKeyPage) -> OwnedApiKeyPage:
    names = await transaction.users.usernames({key.owner_id for key in page.items})
    return OwnedApiKeyPage(tuple(OwnedApiKey(key, names[key.owner_id]) for key in page.items), page.next, page.total)
