"""Setting a new password through a one-time link."""

from __future__ import annotations

from dataclasses import dataclass, replace

from paseport.clock import Clock
from paseport.secret import Secret
from paseport_shared.domain.errors import InvalidResetToken
from paseport_shared.domain.models.client import Client
from paseport_shared.domain.models.password import check_new_password
from paseport_shared.domain.models.password_reset import PasswordReset, hash_reset_token
from paseport_shared.domain.models.user import User
from paseport_shared.domain.ports.password_hasher import PasswordHasher
from paseport_shared.domain.ports.record import Record, RecordTransaction

from paseport_issuer.use_cases.caller import Caller
from paseport_issuer.use_cases.new_ids import NewIds
from paseport_issuer.use_cases.project_user import ProjectUser
from paseport_issuer.use_cases.revoke_access import RevokeAccess


@dataclass(frozen=True, slots=True)
class RedeemResetCommand:
    """A token from a link and the password its holder chose."""

    token: Secret[str]
    password: Secret[str]
    caller: Caller


class RedeemPasswordReset:
    """A refused password leaves the link usable; a set one ends every session of the account (LG-22)."""

    def __init__(
        self,
        *,
        client: Client,
        record: Record,
        hasher: PasswordHasher,
        project: ProjectUser,
        revoke: RevokeAccess,
        clock: Clock,
        ids: NewIds,
    ) -> None:
        self._client = client
        self._record = record
        self._hasher = hasher
        self._project = project
        self._revoke = revoke
        self._clock = clock
        self._ids = ids

    async def __call__(self, command: RedeemResetCommand) -> None:
        """Set the password. Where sessions cannot be ended the link stays usable (``Unavailable``).

        Raises ``InvalidResetToken``, ``WeakPassword``, ``Overloaded``, ``Unavailable``, ``RecordedNotInForce``.
        """
        token_hash = hash_reset_token(command.token)
        if token_hash is None:
            raise InvalidResetToken("not a reset token")
        holder = await self._holder(token_hash)
        check_new_password(command.password, username=holder.username, email=holder.email)
        password_hash = await self._hasher.hash(command.password)
        actor = command.caller.acting_as(str(holder.id), self._client.client_id)
        # Before the link is spent: a second try could not repeat what an outage kept from being done.
        await self._revoke.everything_of(holder.id, actor)

        async def store(transaction: RecordTransaction) -> User:
            reset = await transaction.password_resets.consume(token_hash, self._clock.now())
            before = await self._owner(transaction, reset)
            after = replace(
                before,
                password_hash=password_hash,
                version=before.version + 1,
                revision=before.revision + 1,
                updated_at=self._clock.now(),
            )
            await transaction.users.update(after, expected_revision=before.revision)
            await transaction.revocations.add(self._revoke.older_than(after.id, after.version))
            await transaction.audit.append(self._ids.audit_event(actor, "user.password_reset", str(after.id)))
            await self._project.due(transaction, after, ends_access=True)
            return after

        user = await self._record.transact(store)
        await self._project.changed(user, ends_access=True)

    async def _holder(self, token_hash: bytes) -> User:
        """Return whose link this is without consuming it: hashing is slow work, done outside the transaction."""

        async def find(transaction: RecordTransaction) -> User:
            return await self._owner(transaction, await transaction.password_resets.find(token_hash, self._clock.now()))

        return await self._record.transact(find)

    async def _owner(self, transaction: RecordTransaction, reset: PasswordReset | None) -> User:
        if reset is None:
            raise InvalidResetToken("unknown, used, voided or expired")
        user = await transaction.users.get(reset.user_id)
        if user.disabled:
            raise InvalidResetToken(f"user {user.id} is disabled")
        return user
