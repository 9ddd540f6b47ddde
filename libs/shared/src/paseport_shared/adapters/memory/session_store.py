"""Sessions in memory."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.tidying import TidyingPace
from paseport_shared.domain.errors import AlreadyExists
from paseport_shared.domain.models.session import Session, SessionPolicy

Key = TypeVar("Key", bound=Hashable)


class MemorySessionStore:
    """``SessionStore`` in dicts. No method awaits between reading and writing, so each is one atomic step."""

    def __init__(self, policy: SessionPolicy, outage: MemoryOutage | None = None) -> None:
        self._policy = policy
        self._outage = outage or MemoryOutage()
        self._sessions: dict[str, Session] = {}
        self._by_user: dict[UUID, set[str]] = {}
        self._by_upstream: dict[tuple[str, str], set[str]] = {}
        self._pace = TidyingPace()

    async def create(self, session: Session) -> None:
        """Store a new session. Raises ``AlreadyExists`` for a known id."""
        self._outage.check()
        if session.id in self._sessions:
            raise AlreadyExists("session")
        if self._pace.is_due(len(self._sessions)):
            self._tidy(session.created_at)
        self._sessions[session.id] = session
        self._by_user.setdefault(session.user_id, set()).add(session.id)
        if (upstream := _upstream(session)) is not None:
            self._by_upstream.setdefault(upstream, set()).add(session.id)

    async def find(self, session_id: str, now: datetime) -> Session | None:
        """Return the session while it is live, else None."""
        self._outage.check()
        session = self._sessions.get(session_id)
        return session if session is not None and session.is_live(now, self._policy) else None

    async def touch(self, session_id: str, now: datetime) -> bool:
        """Note that a live session was used; False, and nothing stored, where it is not live any more."""
        self._outage.check()
        session = self._sessions.get(session_id)
        if session is None or not session.is_live(now, self._policy):
            return False
        self._sessions[session_id] = replace(session, last_seen_at=max(session.last_seen_at, now))
        return True

    async def end(self, session_id: str) -> Session | None:
        """Remove the session and return it, or None where there was none."""
        self._outage.check()
        return self._remove(session_id)

    async def list_for_user(self, user_id: UUID, now: datetime) -> tuple[Session, ...]:
        """Return the user's live sessions, the most recently used first."""
        self._outage.check()
        return self._live(self._by_user.get(user_id, ()), now)

    async def list_for_upstream(self, namespace: str, session_id: str, now: datetime) -> tuple[Session, ...]:
        """Return the live sessions that came out of this session at a provider, the most recently used first."""
        self._outage.check()
        return self._live(self._by_upstream.get((namespace, session_id), ()), now)

    async def end_all(self, user_id: UUID) -> tuple[Session, ...]:
        """Remove all of the user's sessions and return them."""
        self._outage.check()
        removed = [self._remove(session_id) for session_id in tuple(self._by_user.get(user_id, ()))]
        return tuple(session for session in removed if session is not None)

    def _live(self, session_ids: Iterable[str], now: datetime) -> tuple[Session, ...]:
        sessions = (self._sessions[session_id] for session_id in session_ids)
        live = [session for session in sessions if session.is_live(now, self._policy)]
        return tuple(sorted(live, key=lambda session: session.last_seen_at, reverse=True))

    def _remove(self, session_id: str) -> Session | None:
        session = self._sessions.pop(session_id, None)
        if session is None:
            return None
        _unlist(self._by_user, session.user_id, session_id)
        if (upstream := _upstream(session)) is not None:
            _unlist(self._by_upstream, upstream, session_id)
        return session

    def _tidy(self, now: datetime) -> None:
        for session in tuple(self._sessions.values()):
            if not session.is_live(now, self._policy):
                self._remove(session.id)
        self._pace.swept(len(self._sessions))


def _upstream(session: Session) -> tuple[str, str] | None:
    """Return what ``list_for_upstream`` finds the session by, None where there is no such thing."""
    if session.upstream is None or session.upstream.session_id is None:
        return None
    return session.upstream.namespace, session.upstream.session_id


def _unlist(index: dict[Key, set[str]], key: Key, session_id: str) -> None:
    index[key].discard(session_id)
    if not index[key]:
        del index[key]
