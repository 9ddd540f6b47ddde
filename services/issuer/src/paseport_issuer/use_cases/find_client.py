"""Which client, or which verifier, a request names."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeAlias

from paseport.clock import Clock
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.client import Client, ClientKind
from paseport_shared.domain.models.client_registry import ClientEntry, is_client_id
from paseport_shared.domain.ports.client_directory import ClientDirectory
from paseport_shared.domain.ports.record import Record, RecordTransaction

from paseport_issuer.use_cases.defined_clients import DefinedClients
from paseport_issuer.use_cases.project_client import store_entry

COPY_SECONDS: Final = 60.0
"""How old a copy may be by which a verifier is known while nobody can be asked."""

ClientLookup: TypeAlias = Callable[[str], Awaitable[Client | None]]
"""Answers as ``FindClient`` does."""


class FindClient:
    """Finds those of one kind: any other is as unknown here as one that does not exist (ADR 0019).

    Looks where it costs least: ``defined`` ones (built in, or from the settings), the directory, the record.

    Either store may be away as long as the other one knows. A disabled client is found, and says so
    (``Client.disabled``); callers decide what they tell whom.
    """

    def __init__(
        self,
        defined: DefinedClients,
        directory: ClientDirectory,
        record: Record,
        kind: ClientKind = ClientKind.OAUTH,
    ) -> None:
        self._defined = defined
        self._directory = directory
        self._record = record
        self._kind = kind

    async def __call__(self, client_id: str) -> Client | None:
        """Return the client, or None where there is none by this id. Raises ``Unavailable``, never guesses.

        Text that is no client id costs nothing: anybody may send any.
        """
        if (defined := self._defined.get(client_id)) is not None:
            return defined
        if not is_client_id(client_id):
            return None
        found = await self._find(client_id)
        return found if found is not None and found.kind is self._kind else None

    async def _find(self, client_id: str) -> Client | None:
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


@dataclass(frozen=True, slots=True)
class _Copy:
    client: Client
    taken_at: float


class RememberClient:
    """Finds what ``find`` finds, and for a minute what it last found, while that cannot say.

    Nobody is turned away who was let in just now, and nobody is revoked meanwhile: that would need the record. One that
    is gone is forgotten with the answer that says so, so there are never more copies than clients.
    """

    def __init__(self, find: ClientLookup, clock: Clock) -> None:
        self._find = find
        self._clock = clock
        self._copies: dict[str, _Copy] = {}

    async def __call__(self, client_id: str) -> Client | None:
        """Return the client, or None where there is none by this id. Raises ``Unavailable``."""
        try:
            found = await self._find(client_id)
        except Unavailable:
            copy = self._copies.get(client_id)
            if copy is None or self._clock.monotonic() - copy.taken_at > COPY_SECONDS:
                raise
            return copy.client
        if found is None:
            self._copies.pop(client_id, None)
        else:
            self._copies[client_id] = _Copy(found, self._clock.monotonic())
        return found
