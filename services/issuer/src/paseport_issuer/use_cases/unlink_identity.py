"""Taking an identity at a provider away from an account."""

from __future__ import annotations

from uuid import UUID

from paseport.clock import Clock
from paseport_shared.domain.errors import LastCredential, NotFound
from paseport_shared.domain.models.audit import Actor
from paseport_shared.domain.ports.record import Record, RecordTransaction

from paseport_issuer.use_cases.account_holder import AccountHolder
from paseport_issuer.use_cases.fresh_sign_in import require_recent
from paseport_issuer.use_cases.new_ids import NewIds
from paseport_issuer.use_cases.read_own_identities import is_last_credential


class UnlinkIdentity:
    """By its owner, who must not lock themselves out, or by an administrator."""

    def __init__(self, *, record: Record, clock: Clock, ids: NewIds) -> None:
        self._record = record
        self._clock = clock
        self._ids = ids

    async def own(self, identity_id: UUID, holder: AccountHolder) -> None:
        """Unlink an identity of the holder's.

        Raises ``ReauthenticationRequired``, ``LastCredential``, ``NotFound``, ``Unavailable``.
        """
        require_recent(holder.auth_time, self._clock.now())
        await self._unlink(identity_id, holder.user_id, holder.actor, keep_last=True)

    async def of_user(self, identity_id: UUID, user_id: UUID, actor: Actor) -> None:
        """Unlink an identity of any user's, the last one too: a reset link makes up for it.

        Raises ``NotFound``, ``Unavailable``.
        """
        await self._unlink(identity_id, user_id, actor, keep_last=False)

    async def _unlink(self, identity_id: UUID, user_id: UUID, actor: Actor, *, keep_last: bool) -> None:
        async def work(transaction: RecordTransaction) -> None:
            # The user's row first: two who unlink the last two at once wait for each other here.
            user = await transaction.users.get(user_id)
            linked = await transaction.identities.list_for_user(user_id)
            identity = next((held for held in linked if held.id == identity_id), None)
            if identity is None:
                raise NotFound("no such identity of this user")
            providers = {provider.id: provider for provider in await transaction.providers.list_all()}
            if keep_last and is_last_credential(identity, linked, user, providers):
                raise LastCredential(f"user {user_id} has nothing else")
            await transaction.identities.remove(identity_id, user_id)
            provider = providers[identity.provider_id].name
            event = self._ids.audit_event(
                actor, "identity.unlinked", str(user_id), before={"identity": str(identity_id), "provider": provider}
            )
            await transaction.audit.append(event)

        await self._record.transact(work)
