"""Exchanging the secret of a client: a new one beside the old one for a while, and ending either."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from paseport.clock import Clock
from paseport_shared.domain.errors import FieldProblem, NotFound, RecordedNotInForce, TooManySecrets, ValidationFailed
from paseport_shared.domain.models.audit import Actor
from paseport_shared.domain.models.client import Client, ClientKind, ClientSecretHash
from paseport_shared.domain.ports.record import Record, RecordTransaction

from paseport_issuer.use_cases.client_audit import changes
from paseport_issuer.use_cases.create_client import NewSecret
from paseport_issuer.use_cases.defined_clients import DefinedClients, refuse_defined
from paseport_issuer.use_cases.new_ids import NewIds
from paseport_issuer.use_cases.project_client import ProjectClient

MAX_LIVE_SECRETS: Final = 2
OVERLAP: Final = timedelta(hours=24)
MAX_OVERLAP: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class RollClientSecretCommand:
    """A new secret for a client. The one it has ends ``overlap`` from now; zero: at once, as after a leak."""

    client_id: str
    actor: Actor
    overlap: timedelta = OVERLAP


@dataclass(frozen=True, slots=True)
class DeleteClientSecretCommand:
    """One secret of a client is to end now."""

    client_id: str
    secret_id: str
    actor: Actor


class RollClientSecret:
    """Adds a secret, and ends others, with their audit events."""

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

    async def __call__(self, command: RollClientSecretCommand) -> NewSecret:
        """Return the client with its new secret.

        Where two secrets are live, one has to be ended first, unless all end now: a secret whose answer was lost must
        not push out the one that is in use. Raises ``NotFound``, ``BuiltInClient``, ``ValidationFailed`` for a public
        client, ``TooManySecrets``, ``Unavailable``; ``RecordedNotInForce`` only where others end at once, since a
        secret can be shown now or never.
        """
        refuse_defined(self._defined, command.client_id)
        if not timedelta(0) <= command.overlap <= MAX_OVERLAP:
            longest = MAX_OVERLAP // timedelta(seconds=1)
            raise ValidationFailed([FieldProblem("previous_expires_in", "range", f"Use 0 to {longest} seconds.")])
        secret_id, secret = self._ids.client_secret()
        now = self._clock.now()

        async def store(transaction: RecordTransaction) -> Client:
            before = await transaction.clients.get(command.client_id, self._kind)
            if before.is_public:
                raise ValidationFailed([FieldProblem("auth_method", "public", "This client authenticates with none.")])
            kept = _ending(before, now, command.overlap)
            if len(kept) >= MAX_LIVE_SECRETS:
                raise TooManySecrets(f"{len(kept)} secrets are live")
            made = ClientSecretHash.of(secret, secret_id=secret_id, created_at=now)
            return await self._store(transaction, before, (*kept, made), "secret_rolled", command.actor)

        client = await self._record.transact(store)
        if command.overlap:
            with suppress(RecordedNotInForce):
                await self._project.changed(client)
        else:
            await self._project.changed(client)
        return NewSecret(client, secret_id, secret)

    async def delete(self, command: DeleteClientSecretCommand) -> None:
        """End one secret now, even the last one: a client without any cannot authenticate.

        Raises ``NotFound``, ``BuiltInClient``, ``Unavailable``, ``RecordedNotInForce``.
        """
        refuse_defined(self._defined, command.client_id)

        async def store(transaction: RecordTransaction) -> Client:
            before = await transaction.clients.get(command.client_id, self._kind)
            kept = tuple(held for held in before.secrets if held.id != command.secret_id)
            if kept == before.secrets:
                raise NotFound("no such secret")
            return await self._store(transaction, before, kept, "secret_deleted", command.actor)

        try:
            client = await self._record.transact(store)
        except NotFound:
            await self._project.complete_for(command.client_id)
            raise
        await self._project.changed(client)

    async def _store(
        self,
        transaction: RecordTransaction,
        before: Client,
        secrets: tuple[ClientSecretHash, ...],
        action: str,
        actor: Actor,
    ) -> Client:
        after = replace(before, secrets=secrets, revision=before.revision + 1, updated_at=self._clock.now())
        await transaction.clients.update(after, expected_revision=before.revision)
        old, new = changes(before, after)
        event = self._ids.audit_event(actor, f"{after.kind.value}.{action}", after.client_id, before=old, after=new)
        await transaction.audit.append(event)
        return after


def _ending(client: Client, now: datetime, overlap: timedelta) -> tuple[ClientSecretHash, ...]:
    """Return the secrets that live on for a while, none later than ``overlap`` from now."""
    if not overlap:
        return ()
    end = now + overlap
    return tuple(
        replace(held, expires_at=end if held.expires_at is None else min(held.expires_at, end))
        for held in client.secrets
        if held.is_live(now)
    )
