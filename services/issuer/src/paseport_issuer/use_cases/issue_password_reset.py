"""One-time links with which a person sets a new password."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from paseport.clock import Clock
from paseport.secret import Secret
from paseport_shared.domain.models import password_reset
from paseport_shared.domain.models.audit import Actor
from paseport_shared.domain.models.password_reset import PasswordReset
from paseport_shared.domain.ports.randomness import Randomness
from paseport_shared.domain.ports.record import Record, RecordTransaction

from paseport_issuer.use_cases.admin_guard import refuse_built_in
from paseport_issuer.use_cases.new_ids import NewIds


@dataclass(frozen=True, slots=True)
class IssuedReset:
    """The link, shown once, and when it ends."""

    url: Secret[str]
    expires_at: datetime


class IssuePasswordReset:
    """An administrator hands out a link and never learns the password (AD-12)."""

    def __init__(self, *, issuer: str, record: Record, clock: Clock, randomness: Randomness, ids: NewIds) -> None:
        self._issuer = issuer
        self._record = record
        self._clock = clock
        self._randomness = randomness
        self._ids = ids

    async def __call__(self, user_id: UUID, actor: Actor) -> IssuedReset:
        """Return a link that works once within 30 minutes and voids the user's earlier one.

        The token stands in the URL's fragment, which browsers send to nobody. Raises ``NotFound``,
        ``BuiltInAccount``, ``Unavailable``.
        """
        now = self._clock.now()
        token, token_hash = password_reset.new_reset_token(self._randomness.token_bytes(32))
        reset = PasswordReset(user_id, token_hash, created_at=now, expires_at=now + password_reset.LIFETIME)
        event = self._ids.audit_event(actor, "user.password_reset_issued", str(user_id))

        async def store(transaction: RecordTransaction) -> None:
            refuse_built_in(await transaction.users.get(user_id))
            await transaction.password_resets.put(reset)
            await transaction.audit.append(event)

        await self._record.transact(store)
        return IssuedReset(Secret(f"{self._issuer}/reset-password#token={token.reveal()}"), reset.expires_at)
