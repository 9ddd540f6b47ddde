"""Agreeing, or not, to what a client asks for in an authorization request."""

from __future__ import annotations

from dataclasses import dataclass

from paseport.clock import Clock
from paseport_shared.domain.errors import AuthenticationRequired
from paseport_shared.domain.models.consent import Consent
from paseport_shared.domain.ports.record import Record, RecordTransaction

from paseport_issuer.use_cases.authorize import Authorize, BrowserCookies
from paseport_issuer.use_cases.caller import Caller
from paseport_issuer.use_cases.new_ids import NewIds
from paseport_issuer.use_cases.sign_in_transactions import SignInTransactions


@dataclass(frozen=True, slots=True)
class ConsentCommand:
    """What somebody decided about the transaction that their browser shows."""

    transaction_id: str
    approve: bool
    cookies: BrowserCookies
    caller: Caller


class GiveConsent:
    """Remembers an agreement on record, where later requests and "my account" find it."""

    def __init__(
        self, *, authorize: Authorize, transactions: SignInTransactions, record: Record, clock: Clock, ids: NewIds
    ) -> None:
        self._authorize = authorize
        self._transactions = transactions
        self._record = record
        self._clock = clock
        self._ids = ids

    async def __call__(self, command: ConsentCommand) -> None:
        """Note the decision; the transaction can go on.

        Raises ``UnknownTransaction``, ``AuthenticationRequired`` when nobody is signed in (any more), and
        ``Unavailable``.
        """
        transaction, client, session = await self._authorize.who_waits(command.transaction_id, command.cookies)
        if session is None:
            raise AuthenticationRequired("nobody is signed in")
        if not command.approve:
            await self._transactions.deny(transaction)
            return

        user_id, now = session.user_id, self._clock.now()
        scope = frozenset(transaction.request.scope)
        actor = command.caller.acting_as(str(user_id), client.client_id)
        event = self._ids.audit_event(actor, "consent.granted", str(user_id), after={"scope": sorted(scope)})

        async def put_on_record(record: RecordTransaction) -> None:
            earlier = await record.consents.find(user_id, client.client_id)
            granted = scope if earlier is None else scope | earlier.scope
            await record.consents.save(Consent(user_id, client.client_id, granted, now))
            await record.audit.append(event)

        await self._record.transact(put_on_record)
        await self._transactions.agree(transaction, user_id)
