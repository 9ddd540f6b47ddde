"""The session that a browser's cookie stands for."""

from __future__ import annotations

from datetime import datetime

from paseport.secret import Secret
from paseport_shared.domain.models.session import Session, parse_session_cookie
from paseport_shared.domain.ports.session_store import SessionStore


async def find_held_session(sessions: SessionStore, cookie: Secret[str] | None, now: datetime) -> Session | None:
    """Return the live session whose secret the cookie holds, or None. Raises ``Unavailable``; junk costs no I/O."""
    presented = None if cookie is None else parse_session_cookie(cookie)
    if presented is None:
        return None
    session = await sessions.find(presented.session_id, now)
    return session if session is not None and session.is_held_by(presented) else None
