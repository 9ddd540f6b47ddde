"""Authorization requests that wait for somebody to sign in, each in the browser that made it."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from paseport.clock import Clock
from paseport.secret import Secret
from paseport_shared.domain.errors import UnknownTransaction
from paseport_shared.domain.models import base62
from paseport_shared.domain.models.authorization import (
    TRANSACTION_LIFETIME,
    AuthorizationRequest,
    AuthorizationTransaction,
    hash_of_browser,
)
from paseport_shared.domain.models.identifiers import is_id128
from paseport_shared.domain.ports.randomness import Randomness
from paseport_shared.domain.ports.transaction_store import TransactionStore

from paseport_issuer.use_cases.new_ids import NewIds


class SignInTransactions:
    """Several may be open in one browser at once: they share its cookie (design §3)."""

    def __init__(self, store: TransactionStore, clock: Clock, randomness: Randomness, ids: NewIds) -> None:
        self._store = store
        self._clock = clock
        self._randomness = randomness
        self._ids = ids

    def browser(self, presented: Secret[str] | None) -> Secret[str]:
        """Return the secret that binds transactions to a browser: the one that it has, or a new one."""
        if presented is not None and is_id128(presented.reveal()):
            return presented
        return Secret(base62.encode_bytes(self._randomness.token_bytes(16)))

    async def begin(self, request: AuthorizationRequest, browser: Secret[str]) -> AuthorizationTransaction:
        """Store a request. Raises ``Unavailable``."""
        now = self._clock.now()
        transaction = AuthorizationTransaction(
            id=self._ids.id128(),
            browser_hash=hash_of_browser(browser),
            request=request,
            created_at=now,
            expires_at=now + TRANSACTION_LIFETIME,
        )
        await self._store.put(transaction)
        return transaction

    async def get(self, transaction_id: str, browser: Secret[str] | None) -> AuthorizationTransaction:
        """Return a live transaction of this browser. Raises ``UnknownTransaction`` and ``Unavailable`` (AZ-20)."""
        if browser is None or not is_id128(transaction_id):
            raise UnknownTransaction("no transaction is named, or no browser")
        transaction = await self._store.find(transaction_id, self._clock.now())
        if transaction is None or not transaction.is_held_by(browser):
            raise UnknownTransaction("unknown, over, or begun in another browser")
        return transaction

    async def agree(self, transaction: AuthorizationTransaction, user_id: UUID) -> AuthorizationTransaction:
        """Note that somebody agreed to what the client asks for. Raises ``Unavailable``."""
        agreed = replace(transaction, consented_by=user_id)
        await self._store.put(agreed)
        return agreed

    async def deny(self, transaction: AuthorizationTransaction) -> None:
        """Note that somebody did not agree. Raises ``Unavailable``."""
        await self._store.put(replace(transaction, denied=True))
