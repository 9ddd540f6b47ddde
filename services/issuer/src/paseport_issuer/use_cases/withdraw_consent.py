"""Taking back what a client was allowed."""

from __future__ import annotations

from paseport_shared.domain.errors import NotFound
from paseport_shared.domain.models.client_registry import is_client_id
from paseport_shared.domain.models.consent import Consent
from paseport_shared.domain.ports.record import Record, RecordTransaction

from paseport_issuer.use_cases.account_holder import AccountHolder
from paseport_issuer.use_cases.new_ids import NewIds
from paseport_issuer.use_cases.revoke_access import RevokeAccess


class WithdrawConsent:
    """Ends all that a client has of the holder, online and offline, then forgets that it was allowed (TE-15).

    The order leaves nothing half done that nobody sees: while either store is away the consent stays on record, where
    its owner finds it and tries again. For codes that are redeemed meanwhile all of it is ended once more afterwards:
    ``RedeemCode`` asks for the consent first and for the code last, so it misses the one or the other, or its family is
    open by then and ends here. A code that is issued meanwhile finds no consent when it is redeemed.
    """

    def __init__(self, *, record: Record, revoke: RevokeAccess, ids: NewIds) -> None:
        self._record = record
        self._revoke = revoke
        self._ids = ids

    async def __call__(self, client_id: str, holder: AccountHolder) -> None:
        """Withdraw; without a consent (any more) what the client still has ends all the same.

        Raises ``NotFound`` for text that is no client id, and ``Unavailable``: repeating it is safe.
        """
        if not is_client_id(client_id):
            raise NotFound("not a client id")
        user_id = holder.user_id
        event = self._ids.audit_event(holder.actor, "consent.withdrawn", str(user_id), before={"client": client_id})

        async def find(transaction: RecordTransaction) -> Consent | None:
            return await transaction.consents.find(user_id, client_id)

        async def forget(transaction: RecordTransaction) -> None:
            if await transaction.consents.remove(user_id, client_id):
                await transaction.audit.append(event)

        # Asked first: while the database is away nothing is ended that could not be forgotten.
        consent = await self._record.transact(find)
        await self._revoke.client_of(user_id, client_id, holder.actor)
        if consent is not None:
            await self._record.transact(forget)
            await self._revoke.client_of(user_id, client_id, holder.actor)
