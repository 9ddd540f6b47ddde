"""Changing clients: what they may do, and whether they may do anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from paseport.clock import Clock
from paseport_shared.domain.errors import PreconditionFailed
from paseport_shared.domain.models.audit import Actor
from paseport_shared.domain.models.client import Client, ClientKind
from paseport_shared.domain.models.client_registration import RegistrationRules
from paseport_shared.domain.ports.record import Record, RecordTransaction

from paseport_issuer.use_cases.client_audit import changes
from paseport_issuer.use_cases.defined_clients import DefinedClients, refuse_defined
from paseport_issuer.use_cases.new_ids import NewIds
from paseport_issuer.use_cases.project_client import ProjectClient


@dataclass(frozen=True, slots=True)
class ChangeClientCommand:
    """A change by an administrator who read the client at ``expected_revision``. Fields that are not named stay."""

    client_id: str
    expected_revision: int
    values: Mapping[str, Any]
    actor: Actor


class ChangeClient:
    """Stores the change and its audit event together, then carries it to the directory.

    Disabling a client ends what it could do next: authorization, token and introspection requests look it up, and each
    refresh does (TE-15), so that its families end with it. Access tokens that are out already stay good until they
    expire, at most ``ACCESS_TOKEN_TTL`` later: nothing is kept per client that could be revoked, and verifiers know no
    clients. Whoever cannot wait that long ends the sessions of the people concerned.
    """

    def __init__(
        self,
        *,
        defined: DefinedClients,
        rules: RegistrationRules,
        record: Record,
        project: ProjectClient,
        clock: Clock,
        ids: NewIds,
        kind: ClientKind = ClientKind.OAUTH,
    ) -> None:
        self._defined = defined
        self._rules = rules
        self._record = record
        self._project = project
        self._clock = clock
        self._ids = ids
        self._kind = kind

    async def __call__(self, command: ChangeClientCommand) -> Client:
        """Return the client after the change.

        A client that becomes public loses its secrets; one that ceases to be has none until one is rolled. Raises
        ``NotFound``, ``BuiltInClient``, ``PreconditionFailed``, ``ValidationFailed``, ``Unavailable``,
        ``RecordedNotInForce``.
        """
        refuse_defined(self._defined, command.client_id)

        async def store(transaction: RecordTransaction) -> Client:
            return await self._store(transaction, command)

        client = await self._record.transact(store)
        # Also where nothing changed: whoever repeats a request need not wait for what an outage cut off.
        await self._project.changed(client)
        return client

    async def _store(self, transaction: RecordTransaction, command: ChangeClientCommand) -> Client:
        before = await transaction.clients.get(command.client_id, self._kind)
        if before.revision != command.expected_revision:
            raise PreconditionFailed(f"revision is {before.revision}")
        after = self._rules.completed(replace(before, **command.values))
        if after == before:
            return before
        # Whatever the rules have become since: disabling is always possible.
        if after != replace(before, disabled=after.disabled):
            self._rules.check(after)
        after = replace(after, revision=before.revision + 1, updated_at=self._clock.now())
        await transaction.clients.update(after, expected_revision=before.revision)
        old, new = changes(before, after)
        action = f"{after.kind.value}.changed"
        event = self._ids.audit_event(command.actor, action, after.client_id, before=old, after=new)
        await transaction.audit.append(event)
        return after
