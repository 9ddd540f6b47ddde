"""Sign-in transactions in memory."""

from __future__ import annotations

from datetime import datetime

from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.tidying import TidyingPace
from paseport_shared.domain.models.authorization import AuthorizationTransaction


class MemoryTransactionStore:
    """``TransactionStore`` in a dict."""

    def __init__(self, outage: MemoryOutage | None = None) -> None:
        self._outage = outage or MemoryOutage()
        self._transactions: dict[str, AuthorizationTransaction] = {}
        self._pace = TidyingPace()

    async def put(self, transaction: AuthorizationTransaction) -> None:
        """Store a transaction, in place of what was stored under its id."""
        self._outage.check()
        if self._pace.is_due(len(self._transactions)):
            live = {key: held for key, held in self._transactions.items() if held.is_live(transaction.created_at)}
            self._transactions = live
            self._pace.swept(len(live))
        self._transactions[transaction.id] = transaction

    async def find(self, transaction_id: str, now: datetime) -> AuthorizationTransaction | None:
        """Return the transaction while it is live, else None."""
        self._outage.check()
        transaction = self._transactions.get(transaction_id)
        return transaction if transaction is not None and transaction.is_live(now) else None
