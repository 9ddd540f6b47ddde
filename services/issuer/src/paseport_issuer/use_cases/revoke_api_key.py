"""Revoking API keys."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from paseport.clock import Clock
from paseport_shared.domain.errors import NotFound, PreconditionFailed
from paseport_shared.domain.models.api_key import ApiKeyEntry
from paseport_shared.domain.ports.record import Record, RecordTransaction

from paseport_issuer.use_cases.api_key_audit import audited
from paseport_issuer.use_cases.key_manager import KeyManager, get_key_of
from paseport_issuer.use_cases.new_ids import NewIds
from paseport_issuer.use_cases.project_api_key import ProjectApiKey


@dataclass(frozen=True, slots=True)
class RevokeApiKeyCommand:
    """The end of somebody's key, by whoever read it at ``expected_revision``."""

    key_id: str
    owner_id: UUID
    expected_revision: int
    manager: KeyManager


class RevokeApiKey:
    """Ends a key for good, with its audit event. Nothing brings it back, and its id is never given out again."""

    def __init__(self, *, record: Record, project: ProjectApiKey, clock: Clock, ids: NewIds) -> None:
        self._record = record
        self._project = project
        self._clock = clock
        self._ids = ids

    async def __call__(self, command: RevokeApiKeyCommand) -> None:
        """Revoke the key: then every node refuses it.

        Raises ``NotFound``, ``PreconditionFailed``, ``Unavailable``, ``RecordedNotInForce``.
        """

        async def erase(transaction: RecordTransaction) -> ApiKeyEntry:
            key = await get_key_of(transaction, command.key_id, command.owner_id)
            if key.revision != command.expected_revision:
                raise PreconditionFailed(f"revision is {key.revision}")
            gone = await transaction.api_keys.remove(key.id, self._clock.now())
            await self._project.due(transaction, gone)
            event = self._ids.audit_event(command.manager.actor, "api_key.revoked", key.id, before=audited(key))
            await transaction.audit.append(event)
            return gone

        try:
            gone = await self._record.transact(erase)
        except NotFound:
            # Perhaps an earlier try revoked it and could not put that in force.
            await self._project.complete_for(command.key_id)
            raise
        await self._project.changed(gone)
