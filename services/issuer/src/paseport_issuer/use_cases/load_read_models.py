"""Filling the hot stores from the record, when the issuer starts and whenever they lost something."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final
from uuid import UUID

from paseport.clock import Clock
from paseport.revocation import Revocation
from paseport.revocation_list import RevocationList
from paseport.subject import SubjectState
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.api_key import ApiKeyEntry
from paseport_shared.domain.models.client_registry import ClientEntry
from paseport_shared.domain.ports.api_key_directory import ApiKeyDirectory
from paseport_shared.domain.ports.client_directory import ClientDirectory
from paseport_shared.domain.ports.record import Record, RecordTransaction
from paseport_shared.domain.ports.revocation_publisher import RevocationPublisher
from paseport_shared.domain.ports.role_directory import RoleDirectory

from paseport_issuer.use_cases.project_client import store_entry

_PAGE: Final = 1_000
_LOOK_SECONDS: Final = 0.5


class LoadReadModels:
    """Safe to repeat and to run beside live writes: a newer state is never replaced by an older one.

    A feed with a new primary is incomplete until this has run. What it publishes comes from the record and from the
    issuer's own copy: revocations that were in force, and not on record yet, when the old primary went.

    There may be a million API keys. Nobody waits for them: a verifier asks the issuer about those that a directory does
    not have yet. One that is complete is not loaded again, since every change is due until it is there.
    """

    def __init__(
        self,
        record: Record,
        roles: RoleDirectory,
        clients: ClientDirectory,
        api_keys: ApiKeyDirectory,
        publisher: RevocationPublisher,
        revocations: RevocationList,
        clock: Clock,
    ) -> None:
        self._record = record
        self._roles = roles
        self._clients = clients
        self._api_keys = api_keys
        self._publisher = publisher
        self._revocations = revocations
        self._clock = clock
        self._directory_is_partial = False

    async def __call__(self) -> None:
        """Put all revocations in force, load every subject and every client; each is declared complete when it is.

        Verifiers wait for the revocations, so these come first. API keys are for ``step``. Raises ``Unavailable``.
        """
        epoch = await self._publisher.epoch()
        if in_force := await self._in_force():
            await self._publisher.publish(*in_force)
        await self._publisher.mark_complete(epoch)

        after: UUID | None = None
        while states := await self._states(after):
            await self._roles.put_all(states)
            after = states[-1].user_id
        await self._roles.mark_complete()
        # A directory whose entries expire is never complete, and loading it again would not change that.
        self._directory_is_partial = not await self._roles.is_complete()
        await self._load_clients()

    async def step(self) -> bool:
        """Load where something is incomplete, and say whether it was. Raises ``Unavailable``."""
        was_complete = (
            await self._publisher.is_complete()
            and (self._directory_is_partial or await self._roles.is_complete())
            and await self._clients.is_complete()
        )
        if not was_complete:
            await self()
        if await self._api_keys.is_complete():
            return not was_complete
        await self._load_api_keys()
        return True

    async def keep(self) -> None:
        """Look twice a second, until cancelled."""
        while True:
            with suppress(Unavailable):
                await self.step()
            await asyncio.sleep(_LOOK_SECONDS)

    async def _load_clients(self) -> None:
        last: str | None = None
        while entries := await self._entries(last):
            for entry in entries:
                await store_entry(self._clients, entry)
            last = entries[-1].client_id
        await self._clients.mark_complete()

    async def _load_api_keys(self) -> None:
        last: str | None = None
        while entries := await self._key_entries(last):
            await self._api_keys.put(entries)
            last = entries[-1].id
        await self._api_keys.mark_complete()

    async def _in_force(self) -> dict[Revocation, None]:
        """Return what the record and the own copy name, each once."""
        now = self._clock.now()

        async def on_record(transaction: RecordTransaction) -> tuple[Revocation, ...]:
            return await transaction.revocations.in_force(now)

        return dict.fromkeys((*await self._record.read(on_record), *self._revocations.in_force(now)))

    async def _states(self, after: UUID | None) -> tuple[SubjectState, ...]:
        async def read(transaction: RecordTransaction) -> tuple[SubjectState, ...]:
            return await transaction.users.subject_states(after, _PAGE)

        return await self._record.read(read)

    async def _entries(self, after: str | None) -> tuple[ClientEntry, ...]:
        async def read(transaction: RecordTransaction) -> tuple[ClientEntry, ...]:
            return await transaction.clients.entries(after, _PAGE)

        return await self._record.read(read)

    async def _key_entries(self, after: str | None) -> tuple[ApiKeyEntry, ...]:
        async def read(transaction: RecordTransaction) -> tuple[ApiKeyEntry, ...]:
            return await transaction.api_keys.entries(after, _PAGE)

        return await self._record.read(read)
