"""Whoever looks after their own account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from paseport_shared.domain.models.audit import Actor


@dataclass(frozen=True, slots=True)
class AccountHolder:
    """A signed-in user, and what their access token came from: ``session_id`` in a browser, ``family_id`` anywhere.

    ``auth_time`` is when they were last asked for a credential.
    """

    user_id: UUID
    session_id: str | None
    family_id: str | None
    actor: Actor
    auth_time: datetime | None = None
