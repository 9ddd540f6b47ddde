"""Acts that are in force already and still have to reach the record."""

from __future__ import annotations

from dataclasses import dataclass

from paseport.revocation import Revocation

from paseport_shared.domain.models.audit import AuditEvent


@dataclass(frozen=True, slots=True)
class PendingEntry:
    """One act: its audit event and the revocations it published. Recording it twice is recording it once."""

    event: AuditEvent
    revocations: tuple[Revocation, ...]
