"""Deleting users."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from paseport_shared.domain.errors import NotFound
from paseport_shared.domain.models.audit import Actor
from paseport_shared.domain.models.user import User
from paseport_shared.domain.ports.record import Record, RecordTransaction

from paseport_issuer.use_cases.admin_guard import refuse_built_in, refuse_to_lose_last_admin
from paseport_issuer.use_cases.new_ids import NewIds
from paseport_issuer.use_cases.project_user import ProjectUser
from paseport_issuer.use_cases.revoke_access import RevokeAccess


@dataclass(frozen=True, slots=True)
class DeleteUserCommand:
    """A deletion by an administrator who read the user at ``expected_revision``."""

    user_id: UUID
    expected_revision: int
    actor: Actor


class DeleteUser:
    """Erases the personal data; the audit log keeps the id as a pseudonym (DT-08)."""

    def __init__(self, *, record: Record, project: ProjectUser, revoke: RevokeAccess, ids: NewIds) -> None:
        self._record = record
        self._project = project
        self._revoke = revoke
        self._ids = ids

    async def __call__(self, command: DeleteUserCommand) -> None:
        """Delete the user and end all sessions and tokens.

        Raises ``NotFound``, ``BuiltInAccount``, ``PreconditionFailed``, ``LastAdmin``, ``Unavailable``,
        ``RecordedNotInForce``.
        """

        async def erase(transaction: RecordTransaction) -> User:
            user = await transaction.users.get(command.user_id)
            refuse_built_in(user)
            await refuse_to_lose_last_admin(transaction, user, None)
            await transaction.users.delete(user.id, expected_revision=command.expected_revision)
            gone = replace(user, version=user.version + 1, revision=user.revision + 1)
            await transaction.revocations.add(self._revoke.older_than(gone.id, gone.version))
            await transaction.audit.append(self._ids.audit_event(command.actor, "user.deleted", str(user.id)))
            await self._project.due(transaction, gone, ends_access=True)
            return gone

        try:
            gone = await self._record.transact(erase)
        except NotFound:
            await self._project.complete_for(command.user_id)
            raise
        await self._project.deleted(gone)
