"""Sign-in transactions."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from paseport_shared.domain.models.authorization import AuthorizationTransaction


class TransactionStore(Protocol):
    """Authorization requests that wait for somebody. Expiry is decided with ``now``.

    Every method raises ``Unavailable`` when the store does not answer. A transaction that a failover loses is begun
    again by its client, so nothing here waits for a replica.
    """

    async def put(self, transaction: AuthorizationTransaction) -> None:
        """Store a transaction, in place of what was stored under its id."""
        ...

    async def find(self, transaction_id: str, now: datetime) -> AuthorizationTransaction | None:
        """Return the transaction while it is live, else None."""
        ...
