"""The caller that a verified token stands for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from paseport.claims import Claims


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller whose access token was verified and is not revoked.

    ``roles`` are live, and empty where the token lacks scope ``roles``; ``username`` is empty for a machine.
    ``email`` is an address that is known to be the user's, and ``name`` what they are called; either may be empty, and
    both are for a verifier that asks the issuer over HTTP: that answer has neither.
    """

    claims: Claims
    username: str = ""
    roles: frozenset[str] = frozenset()
    email: str = field(default="", repr=False)
    name: str = field(default="", repr=False)

    @property
    def subject(self) -> str:
        """Who it is (``sub``): a user's UUID, or the client id of a machine."""
        return self.claims.subject

    @property
    def client_id(self) -> str:
        """The client that the token was issued to."""
        return self.claims.client_id

    @property
    def scopes(self) -> frozenset[str]:
        """What the token covers (RFC 6749 §3.3)."""
        return frozenset(self.claims.scope)

    @property
    def session_id(self) -> str | None:
        """The sign-in that the token belongs to (``sid``); None for a machine and for offline access."""
        return self.claims.session_id

    @property
    def expires_at(self) -> datetime:
        """When the token ends (``exp``)."""
        return self.claims.expires_at
