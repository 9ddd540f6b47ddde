"""The audit log."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from paseport_shared.domain.models.audit import AuditEvent


class AuditLog(Protocol):
    """Append-only, inside a record transaction: an act that cannot be audited does not happen (AD-13)."""

    async def append(self, event: AuditEvent) -> None:
        """Write one event; an event whose id is on record already is not written again."""
        ...

    async def latest(self, limit: int, before: UUID | None = None) -> tuple[AuditEvent, ...]:
        """Return up to ``limit`` events, newest first, older than the event ``before``."""
        ...
