"""Tickets of browsers that come from the issuer, and what they did since."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

import msgspec

from paseport_shared.adapters.issuer.api_keys import require_said_by_issuer
from paseport_shared.adapters.issuer.internal_client import InternalClient
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.identifiers import is_id128
from paseport_shared.domain.ports.handovers import HandedOver

PATH: Final = "/internal/v1/handover"
USE_PATH: Final = "/internal/v1/session-use"
_ANSWERS: Final = frozenset({200, 404})
_DONE: Final = frozenset({204})


class _Ticket(msgspec.Struct, frozen=True):
    ticket: str
    host: str
    binding: str


class _Session(msgspec.Struct, frozen=True):
    session_id: str
    user_id: UUID
    user_version: Annotated[int, msgspec.Meta(ge=0)]


class _Use(msgspec.Struct, frozen=True):
    session_id: str


class IssuerHandovers:
    """``Handovers`` over the issuer's internal port."""

    def __init__(self, client: InternalClient) -> None:
        self._client = client

    async def redeem(self, ticket: str, host: str, binding: str) -> HandedOver | None:
        """See ``Handovers.redeem``."""
        answer = await self._client.post(PATH, _Ticket(ticket, host, binding), statuses=_ANSWERS)
        if answer.status == 404:
            require_said_by_issuer(answer)
            return None
        session = answer.read_as(_Session)
        if not is_id128(session.session_id):
            raise Unavailable("the issuer answered with a session that is none")
        return HandedOver(session.session_id, session.user_id, session.user_version)

    async def note_use(self, session_id: str) -> None:
        """See ``Handovers.note_use``."""
        await self._client.post(USE_PATH, _Use(session_id), statuses=_DONE)
