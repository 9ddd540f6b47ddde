"""Ids and audit events, made from the clock and the randomness port."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from paseport.clock import Clock
from paseport.secret import Secret
from paseport_shared.domain.models import base62
from paseport_shared.domain.models.audit import Actor, AuditEvent
from paseport_shared.domain.models.client_secret import SECRET_BYTES, new_client_secret
from paseport_shared.domain.models.identifiers import new_id128, uuid7
from paseport_shared.domain.ports.randomness import Randomness


class NewIds:
    """Makes what needs a fresh id."""

    def __init__(self, clock: Clock, randomness: Randomness) -> None:
        self._clock = clock
        self._randomness = randomness

    def uuid(self) -> UUID:
        """Return a UUIDv7."""
        return uuid7(self._clock.now(), self._randomness.token_bytes(10))

    def id128(self) -> str:
        """Return a session or family id."""
        return new_id128(self._randomness.token_bytes(16))

    def client_secret(self) -> tuple[str, Secret[str]]:
        """Return a new secret for a client, and the id by which people speak of it."""
        return self.id128(), new_client_secret(self._randomness.token_bytes(SECRET_BYTES))

    def verifier_id(self) -> str:
        """Return the id of a new verifier: whoever meets one in a file or a log knows what it is."""
        return f"verifier-{base62.encode_bytes(self._randomness.token_bytes(16))}"

    def audit_event(
        self,
        actor: Actor,
        action: str,
        target: str | None,
        *,
        before: Mapping[str, object] | None = None,
        after: Mapping[str, object] | None = None,
    ) -> AuditEvent:
        """Return an audit event of this moment."""
        return AuditEvent(self.uuid(), self._clock.now(), actor, action, target, before or {}, after or {})
