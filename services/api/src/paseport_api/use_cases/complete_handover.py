"""Handing a browser's session over to a routed host: once, then a cookie of that host alone (design §1, §4)."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import timedelta
from typing import Final

from paseport.clock import Clock
from paseport.secret import Secret
from paseport_shared.domain.models.edge_session import EdgeCookieKey, EdgeSession
from paseport_shared.domain.ports.handovers import Handovers
from paseport_shared.domain.ports.randomness import Randomness

LIFE: Final = timedelta(hours=12)
"""Of the cookie. The session may end before; then the cookie is worth nothing."""
BINDING_LIFE: Final = timedelta(minutes=10)
_SECRET_BYTES: Final = 32
_AGAIN: Final = "2."
_BINDING: Final = re.compile(r"(?:2\.)?[A-Za-z0-9_-]{43}")


class CompleteHandover:
    """Binds a browser to a host, and exchanges the ticket that comes back for the cookie of the host.

    The binding is a secret that only this browser has, at this host: a ticket that somebody else was given, or that was
    made for another host, opens nothing here.
    """

    def __init__(self, handovers: Handovers, cookies: EdgeCookieKey, clock: Clock, randomness: Randomness) -> None:
        self._handovers = handovers
        self._cookies = cookies
        self._clock = clock
        self._randomness = randomness

    def begin(self, *, is_second: bool = False) -> Secret[str]:
        """Return a new binding. One of a second try says so: there is no third."""
        secret = base64.urlsafe_b64encode(self._randomness.token_bytes(_SECRET_BYTES)).rstrip(b"=").decode()
        return Secret(f"{_AGAIN}{secret}" if is_second else secret)

    async def __call__(self, ticket: str, authority: str, host: str, binding: Secret[str]) -> Secret[str] | None:
        """Return the cookie of the host for the session of a ticket, or None where the ticket is no good (any more).

        ``authority`` is what the ticket was asked for: the host, with its port. Raises ``Unavailable``.
        """
        handed = await self._handovers.redeem(ticket, authority, binding_hash(binding))
        if handed is None:
            return None
        expires_at = self._clock.now() + LIFE
        return self._cookies.seal(EdgeSession(handed.session_id, handed.user_id, handed.user_version, host, expires_at))

    def is_open(self, cookie: str, host: str) -> bool:
        """Say whether a cookie was sealed for the host and has not ended. The session may have."""
        return self._cookies.open(cookie, host, self._clock.now()) is not None


def is_binding(text: str) -> bool:
    """Say whether a text may be a binding of ours."""
    return _BINDING.fullmatch(text) is not None


def is_second_try(binding: Secret[str]) -> bool:
    """Say whether a binding was made after a ticket that was no good."""
    return binding.reveal().startswith(_AGAIN)


def binding_hash(binding: Secret[str]) -> str:
    """Return what the issuer is told of a binding: its SHA-256 in hexadecimal digits."""
    return hashlib.sha256(binding.reveal().encode()).hexdigest()
