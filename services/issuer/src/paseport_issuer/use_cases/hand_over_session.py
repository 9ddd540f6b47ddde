"""Handing a browser's sign-in over to a routed host, which shares no cookie with the issuer (design §1, §4)."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from paseport.clock import Clock
from paseport.find_subject import FindSubject
from paseport.secret import Secret
from paseport_shared.domain.errors import InvalidRequest, NotFound, UnclearRequest
from paseport_shared.domain.models.edge_session import HandoverTicket
from paseport_shared.domain.models.host_pattern import host_fits
from paseport_shared.domain.models.identifiers import is_id128
from paseport_shared.domain.models.request_facts import canonical_host
from paseport_shared.domain.ports.session_store import SessionStore
from paseport_shared.domain.ports.single_use_store import SingleUseStore

from paseport_issuer.use_cases.find_held_session import find_held_session
from paseport_issuer.use_cases.new_ids import NewIds

TICKET_LIFETIME: Final = timedelta(seconds=30)
_BINDING: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class HandOverCommand:
    """A browser that was sent here from ``host``, which put a secret into it: ``binding`` is its SHA-256 (hex)."""

    host: str
    binding: str
    session: Secret[str] | None


class HandOverSession:
    """Makes tickets for hosts of the installation (``PASEPORT_EDGE_HOSTS``) alone, and redeems each once."""

    def __init__(
        self,
        *,
        hosts: tuple[str, ...],
        sessions: SessionStore,
        find_subject: FindSubject,
        tickets: SingleUseStore[HandoverTicket],
        clock: Clock,
        ids: NewIds,
    ) -> None:
        self._hosts = hosts
        self._sessions = sessions
        self._find_subject = find_subject
        self._tickets = tickets
        self._clock = clock
        self._ids = ids

    async def begin(self, command: HandOverCommand) -> HandoverTicket | None:
        """Return a ticket for whoever is signed in in this browser, or None: somebody has to sign in first.

        Raises ``InvalidRequest`` for a host that is none of ours, or a binding that is none, and ``Unavailable``.
        """
        host = canonical_host(command.host)
        if not any(host_fits(pattern, host) for pattern in self._hosts):
            raise InvalidRequest("the host is not among PASEPORT_EDGE_HOSTS")
        if _BINDING.fullmatch(command.binding) is None:
            raise InvalidRequest("the binding is no SHA-256")
        now = self._clock.now()
        session = await find_held_session(self._sessions, command.session, now)
        if session is None:
            return None
        state = await self._find_subject(session.user_id)
        if state is None or not state.enabled or not await self._sessions.touch(session.id, now):
            return None
        ticket = HandoverTicket(
            id=self._ids.id128(),
            host=host,
            binding=command.binding,
            session_id=session.id,
            user_id=session.user_id,
            user_version=state.version,
            created_at=now,
            expires_at=now + TICKET_LIFETIME,
        )
        await self._tickets.put(ticket)
        return ticket

    async def redeem(self, ticket_id: str, host: str, binding: str) -> HandoverTicket:
        """Consume a ticket and return it: to the host that it is for, from the browser that it was made for.

        Any presentation of it spends it. Raises ``NotFound`` for everything that does not fit, and ``Unavailable``.
        """
        if not is_id128(ticket_id):
            raise NotFound("not an id of a ticket")
        ticket = await self._tickets.consume(ticket_id, self._clock.now())
        if ticket is None:
            raise NotFound("the ticket is unknown, used or too old")
        if _canonical(host) != ticket.host or not hmac.compare_digest(binding.encode(), ticket.binding.encode()):
            raise NotFound("the ticket is for another host or another browser")
        return ticket

    async def note_use(self, session_id: str) -> None:
        """Note that a routed host saw the session in use. One that has ended stays so. Raises ``Unavailable``."""
        if is_id128(session_id):
            await self._sessions.touch(session_id, self._clock.now())


def _canonical(host: str) -> str | None:
    try:
        return canonical_host(host)
    except UnclearRequest:
        return None
