"""Changing users: profile, roles, disabling and enabling."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from paseport.clock import Clock
from paseport_shared.domain.errors import PreconditionFailed
from paseport_shared.domain.models.audit import Actor
from paseport_shared.domain.models.profile import check_profile
from paseport_shared.domain.models.user import User
from paseport_shared.domain.ports.record import Record, RecordTransaction

from paseport_issuer.use_cases.admin_guard import refuse_built_in, refuse_to_lose_last_admin
from paseport_issuer.use_cases.new_ids import NewIds
from paseport_issuer.use_cases.project_user import ProjectUser
from paseport_issuer.use_cases.revoke_access import RevokeAccess
from paseport_issuer.use_cases.user_audit import changes


@dataclass(frozen=True, slots=True)
class UserChange:
    """New values of a user; a field that is not named stays. ``display_name`` may be set to None, hence the set."""

    given: frozenset[str]
    username: str = ""
    email: str = ""
    display_name: str | None = None
    roles: frozenset[str] = frozenset()
    disabled: bool = False
    email_verified: bool = False

    def applied_to(self, user: User) -> User:
        """Return the user with the named fields replaced. A new address is nobody's yet, unless it is said to be."""
        after = replace(user, **{name: getattr(self, name) for name in self.given})
        if after.canonical_email != user.canonical_email and "email_verified" not in self.given:
            after = replace(after, email_verified=False)
        return after


@dataclass(frozen=True, slots=True)
class ChangeUserCommand:
    """A change by an administrator who read the user at ``expected_revision``."""

    user_id: UUID
    expected_revision: int
    change: UserChange
    actor: Actor


class ChangeUser:
    """Stores the change and its audit event together, then carries it to every verifier."""

    def __init__(
        self, *, record: Record, project: ProjectUser, revoke: RevokeAccess, clock: Clock, ids: NewIds
    ) -> None:
        self._record = record
        self._project = project
        self._revoke = revoke
        self._clock = clock
        self._ids = ids

    async def __call__(self, command: ChangeUserCommand) -> User:
        """Return the user after the change. Disabling ends all sessions and tokens.

        Raises ``NotFound``, ``BuiltInAccount``, ``PreconditionFailed``, ``ValidationFailed``, ``AlreadyExists``,
        ``LastAdmin``, ``Unavailable``, ``RecordedNotInForce``.
        """

        async def store(transaction: RecordTransaction) -> User:
            return await self._store(transaction, command)

        user = await self._record.transact(store)
        # Also where nothing changed: whoever repeats a request need not wait for what an outage cut off.
        await self._project.changed(user, ends_access=user.disabled)
        return user

    async def _store(self, transaction: RecordTransaction, command: ChangeUserCommand) -> User:
        before = await transaction.users.get(command.user_id)
        refuse_built_in(before)
        if before.revision != command.expected_revision:
            raise PreconditionFailed(f"revision is {before.revision}")
        after = command.change.applied_to(before)
        if after == before:
            return before
        check_profile(username=after.username, email=after.email, display_name=after.display_name, roles=after.roles)
        await refuse_to_lose_last_admin(transaction, before, after)

        now = self._clock.now()
        disabling = after.disabled and not before.disabled
        after = replace(
            after,
            version=before.version + 1 if disabling else before.version,
            revision=before.revision + 1,
            updated_at=now,
        )
        await transaction.users.update(after, expected_revision=before.revision)
        if disabling:
            await transaction.revocations.add(self._revoke.older_than(after.id, after.version))
        await self._project.due(transaction, after, ends_access=after.disabled)
        old, new = changes(before, after)
        event = self._ids.audit_event(command.actor, "user.changed", str(after.id), before=old, after=new)
        await transaction.audit.append(event)
        return after
