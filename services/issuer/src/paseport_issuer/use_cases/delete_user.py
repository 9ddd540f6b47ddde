"""Deleting users."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from paseport.clock import Clock
from paseport_shared.domain.errors import NotFound
from paseport_shared.domain.models.api_key import ApiKeyEntry
from paseport_shared.domain.models.audit import Actor
from paseport_shared.domain.models.user import User
from paseport_shared.domain.ports.record import Record, RecordTransaction

from paseport_issuer.use_cases.admin_guard import refuse_built_in, refuse_to_lose_last_admin
from paseport_issuer.use_cases.new_ids import NewIds
from paseport_issuer.use_cases.project_api_key import ProjectApiKey
from paseport_issuer.use_cases.project_user import ProjectUser
from paseport_issuer.use_cases.revoke_access import RevokeAccess


@dataclass(frozen=True, slots=True)
class DeleteUserCommand:
    """A deletion by an administrator who read the user at ``expected_revision``."""

    user_id: UUID
    expected_revision: int
    actor: Actor


class DeleteUser:
    """Erases the personal data; the audit log keeps the id as a pseudonym (DT-08). API keys go with their owner."""

    def __init__(
        self,
        *,
        record: Record,
        project: ProjectUser,
        project_keys: ProjectApiKey,
        revoke: RevokeAccess,
        clock: Clock,
        ids: NewIds,
    ) -> None:
        self._record = record
        self._project = project
        self._project_keys = project_keys
        self._revoke = revoke
        self._clock = clock
        self._ids = ids

    async def __call__(self, command: DeleteUserCommand) -> None:
        """Delete the user, end all sessions and tokens, and revoke all API keys (AD-07).

        Raises ``NotFound``, ``BuiltInAccount``, ``PreconditionFailed``, ``LastAdmin``, ``Unavailable``,
        ``RecordedNotInForce``.
        """

        async def erase(transaction: RecordTransaction) -> tuple[User, tuple[ApiKeyEntry, ...]]:
            user = await transaction.users.get(command.user_id)
            refuse_built_in(user)
            await refuse_to_lose_last_admin(transaction, user, None)
            await transaction.users.delete(user.id, expected_revision=command.expected_revision)
            gone = replace(user, version=user.version + 1, revision=user.revision + 1)
            await transaction.revocations.add(self._revoke.older_than(gone.id, gone.version))
            keys = await transaction.api_keys.remove_all_of(user.id, self._clock.now())
            await self._project_keys.due(transaction, *keys)
            # One event, however many keys somebody brought from another system: the transaction has a deadline.
            before = {"api_keys": [key.id for key in keys]} if keys else {}
            event = self._ids.audit_event(command.actor, "user.deleted", str(user.id), before=before)
            await transaction.audit.append(event)
            await self._project.due(transaction, gone, ends_access=True)
            return gone, keys

        try:
            gone, keys = await self._record.transact(erase)
        except NotFound:
            await self._project.complete_for(command.user_id)
            raise
        # The owner first: of whoever is gone no key is good for anything, whatever is known of the key.
        await self._project.deleted(gone)
        await self._project_keys.changed(*keys)
