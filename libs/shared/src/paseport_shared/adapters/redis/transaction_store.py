"""Sign-in transactions in Redis."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec
from paseport.redis.access import RedisAccess
from paseport.redis.moments import tidied_after

from paseport_shared.domain.models.authorization import AuthorizationTransaction

NAMESPACE: Final = "transaction"

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(AuthorizationTransaction).decode


class RedisTransactionStore:
    """``TransactionStore``: one string a transaction."""

    def __init__(self, access: RedisAccess, namespace: str = NAMESPACE) -> None:
        self._access = access
        self._namespace = namespace

    async def put(self, transaction: AuthorizationTransaction) -> None:
        """Store a transaction, in place of what was stored under its id."""
        lives = tidied_after(transaction.expires_at - transaction.created_at)
        await self._access.send(("SET", self._key(transaction.id), _encode(transaction), "PX", lives))

    async def find(self, transaction_id: str, now: datetime) -> AuthorizationTransaction | None:
        """Return the transaction while it is live, else None."""
        (text,) = await self._access.send(("GET", self._key(transaction_id)))
        transaction = None if text is None else _decode(text)
        return transaction if transaction is not None and transaction.is_live(now) else None

    def _key(self, transaction_id: str) -> str:
        return f"{self._namespace}:by_id:{transaction_id}"
