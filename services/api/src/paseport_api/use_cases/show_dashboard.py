"""The caller's own page: who am I, where am I signed in, how is the system."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from paseport.clock import Clock
from paseport.principal import Principal
from paseport_shared.domain.models.identifiers import parse_uuid
from paseport_shared.domain.models.roles import ADMIN
from paseport_shared.domain.models.session import Session
from paseport_shared.domain.ports.session_store import SessionStore

from paseport_api.use_cases.observe_system import ObserveSystem, SystemView

MAX_SESSIONS: Final = 20


@dataclass(frozen=True, slots=True)
class Dashboard:
    """``sessions`` are the caller's own, the most recently used first and 20 at most; ``session_count`` counts all."""

    caller: Principal
    sessions: tuple[Session, ...]
    session_count: int
    system: SystemView

    def is_current(self, session: Session) -> bool:
        """Say whether the caller's token belongs to this session."""
        return session.id == self.caller.claims.session_id


class ShowDashboard:
    """Brings together what one caller may see."""

    def __init__(self, sessions: SessionStore, observe_system: ObserveSystem, clock: Clock) -> None:
        self._sessions = sessions
        self._observe_system = observe_system
        self._clock = clock

    async def __call__(self, caller: Principal) -> Dashboard:
        """Return the caller's dashboard. Raises ``Unavailable`` when the sessions cannot be had."""
        user_id = parse_uuid(caller.subject)
        sessions = await self._sessions.list_for_user(user_id, self._clock.now()) if user_id is not None else ()
        system = await self._observe_system()
        return Dashboard(
            caller=caller,
            sessions=sessions[:MAX_SESSIONS],
            session_count=len(sessions),
            system=system if ADMIN in caller.roles else system.without_details(),
        )
