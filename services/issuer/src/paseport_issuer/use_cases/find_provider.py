"""The identity provider that somebody wants to sign in through."""

from __future__ import annotations

from uuid import UUID

from paseport_shared.domain.errors import NotFound, UnknownProvider
from paseport_shared.domain.models.identity_provider import IdentityProvider
from paseport_shared.domain.ports.record import Record, RecordTransaction


class FindProvider:
    """Asks the record each time: a provider that was disabled is of no use from that moment on (XI-19)."""

    def __init__(self, record: Record) -> None:
        self._record = record

    async def enabled(self) -> tuple[IdentityProvider, ...]:
        """Return those that people may choose from, in their order. Raises ``Unavailable``."""

        async def read(transaction: RecordTransaction) -> tuple[IdentityProvider, ...]:
            return await transaction.providers.list_all()

        return tuple(provider for provider in await self._record.transact(read) if provider.enabled)

    async def by_name(self, name: str | None) -> IdentityProvider:
        """Return the enabled provider of this name, the default one where none is named.

        Raises ``UnknownProvider`` and ``Unavailable``.
        """
        for provider in await self.enabled():
            if provider.name == name or (name is None and provider.is_default):
                return provider
        raise UnknownProvider("no enabled provider of this name" if name else "no default provider")

    async def by_id(self, provider_id: UUID) -> IdentityProvider:
        """Return the enabled provider with this id. Raises ``UnknownProvider`` and ``Unavailable``."""

        async def read(transaction: RecordTransaction) -> IdentityProvider:
            return await enabled_provider(transaction, provider_id)

        return await self._record.transact(read)


async def enabled_provider(transaction: RecordTransaction, provider_id: UUID) -> IdentityProvider:
    """Return the enabled provider with this id. Raises ``UnknownProvider``."""
    try:
        provider = await transaction.providers.get(provider_id)
    except NotFound as error:
        raise UnknownProvider(f"{provider_id} is not there") from error
    if not provider.enabled:
        raise UnknownProvider(f"{provider.name} is disabled")
    return provider
