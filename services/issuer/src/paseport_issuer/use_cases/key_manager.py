"""Whoever manages API keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from paseport_shared.domain.errors import NotFound
from paseport_shared.domain.models.api_key import ApiKey
from paseport_shared.domain.models.api_key_rules import is_sensitive
from paseport_shared.domain.models.audit import Actor
from paseport_shared.domain.ports.record import RecordTransaction

from paseport_issuer.use_cases.fresh_sign_in import require_recent


@dataclass(frozen=True, slots=True)
class KeyManager:
    """A person who manages keys, their own or, as an administrator, somebody else's. Never a key.

    ``is_admin``: their credential covers administration, and they hold the role now. ``auth_time`` is when they were
    last asked for a credential, None where nobody can say.
    """

    user_id: UUID
    actor: Actor
    is_admin: bool
    auth_time: datetime | None = None

    def require_fresh_for(self, key: ApiKey, now: datetime) -> None:
        """Return unless the key needs a sign-in of just now. Raises ``ReauthenticationRequired`` (AD-14)."""
        if is_sensitive(key):
            require_recent(self.auth_time, now)


async def get_key_of(transaction: RecordTransaction, key_id: str, owner_id: UUID) -> ApiKey:
    """Return a key of this owner. Raises ``NotFound``, for somebody else's too: nobody learns that there is one."""
    key = await transaction.api_keys.get(key_id)
    if key.owner_id != owner_id:
        raise NotFound("the key is somebody else's")
    return key
