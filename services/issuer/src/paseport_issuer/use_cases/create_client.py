"""Creating clients."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

from paseport.clock import Clock
from paseport.secret import Secret
from paseport_shared.domain.errors import AlreadyExists, RecordedNotInForce
from paseport_shared.domain.models.audit import Actor
from paseport_shared.domain.models.client import BUILT_IN_IDS, Client, ClientSecretHash, ClientSource
from paseport_shared.domain.models.client_registration import RegistrationRules
from paseport_shared.domain.ports.record import Record, RecordTransaction

from paseport_issuer.use_cases.client_audit import audited
from paseport_issuer.use_cases.defined_clients import DefinedClients
from paseport_issuer.use_cases.new_ids import NewIds
from paseport_issuer.use_cases.project_client import ProjectClient


@dataclass(frozen=True, slots=True)
class CreateClientCommand:
    """A client to be, as an administrator describes it: what the server decides of it counts for nothing."""

    client: Client
    actor: Actor


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A client with the secret that was made for it just now: the only time that it is shown."""

    client: Client
    secret_id: str
    secret: Secret[str]


class CreateClient:
    """Stores the client and the audit event together. A client that is not public gets its first secret."""

    def __init__(
        self,
        *,
        defined: DefinedClients,
        rules: RegistrationRules,
        record: Record,
        project: ProjectClient,
        clock: Clock,
        ids: NewIds,
    ) -> None:
        self._defined = defined
        self._rules = rules
        self._record = record
        self._project = project
        self._clock = clock
        self._ids = ids

    async def __call__(self, command: CreateClientCommand) -> Client | NewSecret:
        """Return the new client, with its secret where it has one.

        Raises ``ValidationFailed``, ``AlreadyExists``, ``Unavailable``. Not ``RecordedNotInForce``: the secret can be
        shown now or never. Without a directory the record is asked, and the directory hears of it once it is back.
        """
        now = self._clock.now()
        client = self._rules.completed(
            replace(
                command.client,
                secrets=(),
                source=ClientSource.RECORD,
                revision=1,
                created_at=now,
                updated_at=now,
            )
        )
        self._rules.check(client)
        if client.client_id in self._defined or client.client_id in BUILT_IN_IDS:
            raise AlreadyExists("client_id")
        made: NewSecret | None = None
        if not client.is_public:
            secret_id, secret = self._ids.client_secret()
            held = ClientSecretHash.of(secret, secret_id=secret_id, created_at=now)
            client = replace(client, secrets=(held,))
            made = NewSecret(client, secret_id, secret)
        action = f"{client.kind.value}.created"
        event = self._ids.audit_event(command.actor, action, client.client_id, after=audited(client))

        async def store(transaction: RecordTransaction) -> None:
            await transaction.clients.add(client)
            await transaction.audit.append(event)

        await self._record.transact(store)
        with suppress(RecordedNotInForce):
            await self._project.changed(client)
        return made or client
