"""Whether sessions live, as a verifier asks."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from paseport_shared.domain.models.session import Session


class SessionStates(Protocol):
    """The part of ``SessionStore`` that only reads."""

    async def find(self, session_id: str, now: datetime) -> Session | None:
        """Return the session while it is live, else None. Raises ``Unavailable``."""
        ...
