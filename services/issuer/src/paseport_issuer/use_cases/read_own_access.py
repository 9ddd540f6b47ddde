"""Where somebody is signed in, and with what: the page "sessions and devices"."""

from __future__ import annotations

from dataclasses import dataclass

from paseport.clock import Clock
from paseport_shared.domain.models.refresh_token import RefreshFamily
from paseport_shared.domain.models.session import Session
from paseport_shared.domain.ports.refresh_token_store import RefreshTokenStore
from paseport_shared.domain.ports.session_store import SessionStore

from paseport_issuer.use_cases.account_holder import AccountHolder
from paseport_issuer.use_cases.name_clients import NameClients


@dataclass(frozen=True, slots=True)
class NamedClient:
    """A client as people know it."""

    client_id: str
    name: str


@dataclass(frozen=True, slots=True)
class OwnSession:
    """A browser's session, and the clients that are signed in in it. ``current``: it is the one that asks."""

    session: Session
    clients: tuple[NamedClient, ...]
    current: bool


@dataclass(frozen=True, slots=True)
class OwnDevice:
    """A client that stays signed in whatever becomes of the browser: an offline family."""

    family: RefreshFamily
    client: NamedClient
    current: bool


@dataclass(frozen=True, slots=True)
class OwnAccess:
    """Everything through which somebody is signed in, the most recently used first."""

    sessions: tuple[OwnSession, ...]
    devices: tuple[OwnDevice, ...]


class ReadOwnAccess:
    """Asks the hot store alone, as signing out does: both work while the database is down."""

    def __init__(
        self, *, sessions: SessionStore, families: RefreshTokenStore, name_clients: NameClients, clock: Clock
    ) -> None:
        self._sessions = sessions
        self._families = families
        self._name_clients = name_clients
        self._clock = clock

    async def __call__(self, holder: AccountHolder) -> OwnAccess:
        """Return the holder's live sessions and devices. Raises ``Unavailable``."""
        now = self._clock.now()
        sessions = await self._sessions.list_for_user(holder.user_id, now)
        families = await self._families.list_for_user(holder.user_id, now)
        names = await self._name_clients(family.client_id for family in families)

        def clients_in(session: Session) -> tuple[NamedClient, ...]:
            ids = {family.client_id for family in families if family.session_id == session.id}
            return tuple(NamedClient(client_id, names[client_id]) for client_id in sorted(ids))

        return OwnAccess(
            tuple(OwnSession(session, clients_in(session), session.id == holder.session_id) for session in sessions),
            tuple(
                OwnDevice(family, NamedClient(family.client_id, names[family.client_id]), family.id == holder.family_id)
                for family in families
                if family.session_id is None
            ),
        )
