"""Deleting clients."""

from __future__ import annotations

from dataclasses import dataclass

from paseport.clock import Clock
from paseport_shared.domain.errors import NotFound
from paseport_shared.domain.models.audit import Actor
from paseport_shared.domain.models.client import ClientKind
from paseport_shared.domain.models.client_registry import DeletedClient
from paseport_shared.domain.ports.record import Record, RecordTransaction

from paseport_issuer.use_cases.client_audit import audited
from paseport_issuer.use_cases.defined_clients import DefinedClients, refuse_defined
from paseport_issuer.use_cases.new_ids import NewIds
from paseport_issuer.use_cases.project_client import ProjectClient


@dataclass(frozen=True, slots=True)
class DeleteClientCommand:
    """A deletion by an administrator who read the client at ``expected_revision``."""

    client_id: str
    expected_revision: int
    actor: Actor


class DeleteClient:
    """Deletes a client for good. Its id is never given out again; its tokens end as those of a disabled one do."""

    def __init__(
        self,
        *,
        defined: DefinedClients,
        record: Record,
        project: ProjectClient,
        clock: Clock,
        ids: NewIds,
        kind: ClientKind = ClientKind.OAUTH,
    ) -> None:
        self._defined = defined
        self._record = record
        self._project = project
        self._clock = clock
        self._ids = ids
        self._kind = kind

    async def __call__(self, command: DeleteClientCommand) -> None:
        """Delete the client.

        Raises ``NotFound``, ``BuiltInClient``, ``PreconditionFailed``, ``Unavailable``, ``RecordedNotInForce``.
        """
        refuse_defined(self._defined, command.client_id)
        now = self._clock.now()

        async def erase(transaction: RecordTransaction) -> DeletedClient:
            client = await transaction.clients.get(command.client_id, self._kind)
            await transaction.clients.delete(client.client_id, expected_revision=command.expected_revision, at=now)
            action = f"{client.kind.value}.deleted"
            event = self._ids.audit_event(command.actor, action, client.client_id, before=audited(client))
            await transaction.audit.append(event)
            return DeletedClient(client.client_id, client.revision + 1, now)

        try:
            gone = await self._record.transact(erase)
        except NotFound:
            await self._project.complete_for(command.client_id)
            raise
        await self._project.changed(gone)
