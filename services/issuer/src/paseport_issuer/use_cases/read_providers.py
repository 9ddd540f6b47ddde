"""Identity providers as administrators see them, and whether they work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from paseport.clock import Clock
from paseport.secret import Secret
from paseport_shared.domain.models.identity_provider import SEALED_FOR, IdentityProvider
from paseport_shared.domain.models.provider_rules import check_provider
from paseport_shared.domain.ports.data_cipher import DataCipher
from paseport_shared.domain.ports.record import Record, RecordTransaction
from paseport_shared.domain.ports.upstream import Finding, UpstreamProviders

from paseport_issuer.use_cases.begin_external_sign_in import redirect_uri_of
from paseport_issuer.use_cases.new_ids import NewIds


class ReadProviders:
    """Reads the record; trying a connection asks the provider."""

    def __init__(
        self,
        *,
        issuer: str,
        record: Record,
        cipher: DataCipher,
        upstream: UpstreamProviders,
        clock: Clock,
        ids: NewIds,
    ) -> None:
        self.issuer = issuer
        self._record = record
        self._cipher = cipher
        self._upstream = upstream
        self._clock = clock
        self._ids = ids

    async def all(self) -> tuple[IdentityProvider, ...]:
        """Return all of them, disabled ones too. Raises ``Unavailable``."""

        async def read(transaction: RecordTransaction) -> tuple[IdentityProvider, ...]:
            return await transaction.providers.list_all()

        return await self._record.transact(read)

    async def one(self, provider_id: UUID) -> IdentityProvider:
        """Return one. Raises ``NotFound`` and ``Unavailable``."""

        async def read(transaction: RecordTransaction) -> IdentityProvider:
            return await transaction.providers.get(provider_id)

        return await self._record.transact(read)

    def redirect_uri(self, provider: IdentityProvider) -> str:
        """Return the address that has to be registered at the provider."""
        return redirect_uri_of(self.issuer, provider)

    async def try_out(self, values: Mapping[str, Any], client_secret: Secret[str] | None) -> Sequence[Finding]:
        """Try a provider that is not registered yet. Raises ``ValidationFailed``."""
        now = self._clock.now()
        provider = IdentityProvider(id=self._ids.uuid(), created_at=now, updated_at=now, **values)
        check_provider(provider)
        return await self._upstream.check_connection(provider, client_secret, redirect_uri=self.redirect_uri(provider))

    async def try_registered(self, provider_id: UUID) -> Sequence[Finding]:
        """Try a registered one with its own secret. Raises ``NotFound`` and ``Unavailable``."""
        provider = await self.one(provider_id)
        secret = await self._cipher.open(provider.sealed_secret, purpose=SEALED_FOR, owner=str(provider.id))
        return await self._upstream.check_connection(provider, secret, redirect_uri=self.redirect_uri(provider))
