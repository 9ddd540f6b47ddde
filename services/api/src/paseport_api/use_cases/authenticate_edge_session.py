"""From the cookie of a routed host to the person it stands for."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from paseport.authenticate_bearer import Subjects
from paseport.clock import Clock
from paseport.errors import InvalidToken
from paseport.revocation_list import RevocationList
from paseport_shared.domain.models.edge_session import EdgeCookieKey, EdgeSession
from paseport_shared.domain.models.policy import Asker, CredentialKind
from paseport_shared.domain.models.session import Session
from paseport_shared.domain.ports.session_states import SessionStates

SESSIONS_KEPT: Final = 20_000
MAX_AGE_SECONDS: Final = 60.0
"""How long a session that lived is not asked for again. Ending one is heard at once; only its idle end is not."""


@dataclass(frozen=True, slots=True)
class KnownSession:
    """A live session and who it is. ``ends`` is when the cookie or the session ends by itself."""

    session_id: str
    asker: Asker
    ends: datetime


class AuthenticateEdgeSession:
    """Cookie, revocations, person, session: in this order, and any doubt refuses."""

    def __init__(
        self,
        cookies: EdgeCookieKey,
        revocations: RevocationList,
        subjects: Subjects,
        sessions: SessionStates,
        clock: Clock,
        *,
        sessions_kept: int = SESSIONS_KEPT,
    ) -> None:
        self._cookies = cookies
        self._revocations = revocations
        self._subjects = subjects
        self._sessions = sessions
        self._clock = clock
        self._sessions_kept = sessions_kept
        # The session and until when (monotonic) it need not be asked for.
        self._live: OrderedDict[str, tuple[Session, float]] = OrderedDict()

    async def __call__(self, cookie: str, host: str) -> KnownSession:
        """Return who the cookie stands for on this host.

        Raises ``InvalidToken`` for a cookie that was not sealed for the host, has ended, or whose session or user has;
        ``Unavailable`` where nobody can say.
        """
        edge = self._cookies.open(cookie, host, self._clock.now())
        if edge is None:
            raise InvalidToken("the edge cookie is not ours, not for this host, or has ended")
        subject = str(edge.user_id)
        self._revocations.check_session(edge.session_id, subject, edge.user_version)
        state = self._subjects.recall(subject)
        has_waited = state is None
        if state is None:
            state = await self._subjects(edge.user_id)
        if state is None or not state.enabled:
            raise InvalidToken("the user of the session is disabled or deleted")
        if edge.user_version < state.version:
            raise InvalidToken("user version is too old")
        session = self._recall(edge)
        if session is None:
            has_waited = True
            session = await self._ask(edge)
        if has_waited:
            # It may have been revoked meanwhile.
            self._revocations.check_session(edge.session_id, subject, edge.user_version)
        asker = Asker(
            CredentialKind.SESSION,
            subject=subject,
            username=state.username,
            roles=state.roles,
            email=state.email,
            name=state.name,
            session_id=edge.session_id,
        )
        return KnownSession(edge.session_id, asker, min(edge.expires_at, session.expires_at))

    def _recall(self, edge: EdgeSession) -> Session | None:
        held = self._live.get(edge.session_id)
        if held is None or self._clock.monotonic() >= held[1]:
            return None
        session = held[0]
        return session if session.user_id == edge.user_id and self._clock.now() < session.expires_at else None

    async def _ask(self, edge: EdgeSession) -> Session:
        self._live.pop(edge.session_id, None)
        asked_at = self._clock.monotonic()
        session = await self._sessions.find(edge.session_id, self._clock.now())
        if session is None or session.user_id != edge.user_id:
            raise InvalidToken("the session has ended")
        self._live[edge.session_id] = (session, asked_at + MAX_AGE_SECONDS)
        if len(self._live) > self._sessions_kept:
            self._live.popitem(last=False)
        return session
