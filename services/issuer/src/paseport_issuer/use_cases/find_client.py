"""Which client a request names."""

from __future__ import annotations

from contextlib import suppress

from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.client import Client
from paseport_shared.domain.models.client_registry import ClientEntry, is_client_id
from paseport_shared.domain.ports.client_directory import ClientDirectory
from paseport_shared.domain.ports.record import Record, RecordTransaction

from paseport_issuer.use_cases.defined_clients import DefinedClients
from paseport_issuer.use_cases.project_client import store_entry


class FindClient:
    """Looks where it costs least: ``defined`` ones (built in, or from the settings), the directory, the record.

    Either store may be away as long as the other one knows. A disabled client is found, and says so
    (``Client.disabled``); callers decide what they tell whom.
    """

    def __init__(self, defined: DefinedClients, directory: ClientDirectory, record: Record) -> None:
        self._defined = defined
        self._directory = directory
        self._record = record

    async def __call__(self, client_id: str) -> Client | None:
        """Return the client, or None where there is none by this id. Raises ``Unavailable``, never guesses.

        Text that is no client id costs nothing: anybody may send any.
        """
        if (defined := self._defined.get(client_id)) is not None:
            return defined
        if not is_client_id(client_id):
            return None
        try:
            found = await self._directory.find(client_id)
            if found is not None or await self._directory.is_complete():
                return found
        except Unavailable:
            return await self._read(client_id, keep=False)
        return await self._read(client_id, keep=True)

    async def _read(self, client_id: str, *, keep: bool) -> Client | None:
        async def read(transaction: RecordTransaction) -> ClientEntry | None:
            return await transaction.clients.find_entry(client_id)

        entry = await self._record.transact(read)
        if keep and entry is not None:
            with suppress(Unavailable):  # it was found all the same
                await store_entry(self._directory, entry)
        return entry if isinstance(entry, Client) else None
