"""Sessions at the issuer."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from uuid import UUID

from paseport_shared.domain.models.session import Session


class SessionStore(Protocol):
    """Live sessions. Expiry is decided with ``now``; what a store deletes by itself only tidies up.

    Every method raises ``Unavailable`` when the store does not answer, or could not confirm a write on as many replicas
    as it must. Repeating an ``end`` that was not confirmed confirms it, though there is nothing left to remove.
    """

    async def create(self, session: Session) -> None:
        """Store a new session. Raises ``AlreadyExists`` for a known id."""
        ...

    async def find(self, session_id: str, now: datetime) -> Session | None:
        """Return the session while it is live, else None."""
        ...

    async def touch(self, session_id: str, now: datetime) -> bool:
        """Note that a live session was used; False, and nothing stored, where it is not live any more.

        ``last_seen_at`` never goes back, and a session that ended meanwhile is not brought back.
        """
        ...

    async def end(self, session_id: str) -> Session | None:
        """Remove the session and return it, or None where there was none. Of concurrent callers one gets it."""
        ...

    async def list_for_user(self, user_id: UUID, now: datetime) -> tuple[Session, ...]:
        """Return the user's live sessions, the most recently used first."""
        ...

    async def list_for_upstream(self, namespace: str, session_id: str, now: datetime) -> tuple[Session, ...]:
        """Return the live sessions that came out of this session at a provider, the most recently used first.

        ``session_id`` is the provider's ``sid``. Any text may be asked for.
        """
        ...

    async def end_all(self, user_id: UUID) -> tuple[Session, ...]:
        """Remove all of the user's sessions and return them."""
        ...
