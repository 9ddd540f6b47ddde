"""What the issuer says of browsers that come to a routed host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class HandedOver:
    """The session that a ticket was made for, and the version that its user has now."""

    session_id: str
    user_id: UUID
    user_version: int


class Handovers(Protocol):
    """Both methods raise ``Unavailable``."""

    async def redeem(self, ticket: str, host: str, binding: str) -> HandedOver | None:
        """Use up a ticket and return the session, or None where it is unknown, used, too old or for somebody else.

        ``binding`` is the SHA-256 (hex) of the secret that this host has put into the browser. Of concurrent callers
        one gets the session.
        """
        ...

    async def note_use(self, session_id: str) -> None:
        """Tell that a session was used, so that it does not end as an idle one. Unknown ones are ignored."""
        ...
