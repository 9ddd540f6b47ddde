"""What somebody allowed which clients."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from paseport_shared.domain.models.client import SCOPES
from paseport_shared.domain.models.consent import Consent
from paseport_shared.domain.ports.record import Record, RecordTransaction

from paseport_issuer.use_cases.name_clients import NameClients


@dataclass(frozen=True, slots=True)
class NamedConsent:
    """A consent, and the name of the client that has it. ``scope`` stands in the order of the consent page."""

    consent: Consent
    client_name: str
    scope: tuple[str, ...]


class ReadConsents:
    """Reads the record. Clients of the installation itself ask for no consent, so they are not here."""

    def __init__(self, record: Record, name_clients: NameClients) -> None:
        self._record = record
        self._name_clients = name_clients

    async def __call__(self, user_id: UUID) -> tuple[NamedConsent, ...]:
        """Return everything that the user granted, the newest first. Raises ``Unavailable``."""

        async def read(transaction: RecordTransaction) -> tuple[Consent, ...]:
            return await transaction.consents.list_for_user(user_id)

        consents = await self._record.transact(read)
        names = await self._name_clients(consent.client_id for consent in consents)
        return tuple(
            NamedConsent(consent, names[consent.client_id], tuple(name for name in SCOPES if name in consent.scope))
            for consent in consents
        )
