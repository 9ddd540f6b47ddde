"""Reading clients, or verifiers."""

from __future__ import annotations

from dataclasses import replace

from paseport_shared.domain.models.client import Client, ClientKind
from paseport_shared.domain.models.client_registry import ClientPage, ClientQuery
from paseport_shared.domain.models.identifiers import canonical
from paseport_shared.domain.ports.record import Record, RecordTransaction

from paseport_issuer.use_cases.defined_clients import DefinedClients


class ReadClients:
    """One client, or a page of them: those that the installation defines, and those on record, all of one kind."""

    def __init__(self, defined: DefinedClients, record: Record, kind: ClientKind = ClientKind.OAUTH) -> None:
        self._defined = defined
        self._record = record
        self._kind = kind

    async def one(self, client_id: str) -> Client:
        """Return the client. Raises ``NotFound``, ``Unavailable``."""
        if (defined := self._defined.get(client_id)) is not None:
            return defined

        async def get(transaction: RecordTransaction) -> Client:
            return await transaction.clients.get(client_id, self._kind)

        return await self._record.transact(get)

    async def page(self, query: ClientQuery) -> ClientPage:
        """Return one page, in the order of ids whatever the source. Raises ``Unavailable``."""
        on_record = replace(query, excluded=frozenset(self._defined), kind=self._kind)

        async def read(transaction: RecordTransaction) -> ClientPage:
            return await transaction.clients.page(on_record)

        recorded = await self._record.transact(read)
        needle = canonical(query.search)
        defined = [
            client
            for client in self._defined.values()
            if needle in client.client_id.lower() or needle in canonical(client.name)
        ]
        behind = [client for client in defined if query.after is None or client.client_id > query.after]
        merged = sorted((*recorded.items, *behind), key=lambda client: client.client_id)
        items = tuple(merged[: query.limit])
        has_more = len(merged) > len(items) or recorded.next is not None
        return ClientPage(items, items[-1].client_id if has_more else None, recorded.total + len(defined))
