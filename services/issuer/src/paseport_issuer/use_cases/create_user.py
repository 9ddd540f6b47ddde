"""Creating users."""

from __future__ import annotations

from dataclasses import dataclass

from paseport.clock import Clock
from paseport.secret import Secret
from paseport_shared.domain.models.audit import Actor
from paseport_shared.domain.models.password import check_new_password
from paseport_shared.domain.models.profile import check_profile
from paseport_shared.domain.models.user import User
from paseport_shared.domain.ports.password_hasher import PasswordHasher
from paseport_shared.domain.ports.record import Record, RecordTransaction

from paseport_issuer.use_cases.new_ids import NewIds
from paseport_issuer.use_cases.project_user import ProjectUser
from paseport_issuer.use_cases.user_audit import audited


@dataclass(frozen=True, slots=True)
class CreateUserCommand:
    """A user to be. Without ``password`` the account has none until its owner uses a reset link.

    ``email_verified``: the administrator knows that the address is this person's.
    """

    username: str
    email: str
    display_name: str | None
    roles: frozenset[str]
    password: Secret[str] | None
    actor: Actor
    email_verified: bool = False


class CreateUser:
    """Stores the user and the audit event together."""

    def __init__(
        self, *, record: Record, hasher: PasswordHasher, project: ProjectUser, clock: Clock, ids: NewIds
    ) -> None:
        self._record = record
        self._hasher = hasher
        self._project = project
        self._clock = clock
        self._ids = ids

    async def __call__(self, command: CreateUserCommand) -> User:
        """Return the new user.

        Raises ``ValidationFailed``, ``WeakPassword``, ``AlreadyExists``, ``Overloaded``, ``Unavailable``,
        ``RecordedNotInForce``.
        """
        check_profile(
            username=command.username,
            email=command.email,
            display_name=command.display_name,
            roles=command.roles,
        )
        password_hash = None
        if command.password is not None:
            check_new_password(command.password, username=command.username, email=command.email)
            password_hash = await self._hasher.hash(command.password)

        now = self._clock.now()
        user = User(
            id=self._ids.uuid(),
            username=command.username,
            email=command.email,
            display_name=command.display_name,
            password_hash=password_hash,
            roles=command.roles,
            disabled=False,
            built_in=False,
            version=1,
            revision=1,
            created_at=now,
            updated_at=now,
            email_verified=command.email_verified,
        )
        event = self._ids.audit_event(command.actor, "user.created", str(user.id), after=audited(user))

        async def store(transaction: RecordTransaction) -> None:
            await transaction.users.add(user)
            await transaction.audit.append(event)
            await self._project.due(transaction, user)

        await self._record.transact(store)
        await self._project.changed(user)
        return user
