"""Where a request comes from, as plain values."""

from __future__ import annotations

from dataclasses import dataclass

from paseport_shared.domain.models.audit import Actor


@dataclass(frozen=True, slots=True)
class Caller:
    """The client's address (after trusted proxies), its user agent and the request id; each may be unknown."""

    address: str | None = None
    user_agent: str | None = None
    request_id: str | None = None

    def acting_as(self, subject: str, client_id: str) -> Actor:
        """Return who acts, for the audit log."""
        return Actor(subject, client_id, self.address, self.request_id)
