"""What users allowed clients."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Consent:
    """The scope that a user granted a client, once and for later requests too."""

    user_id: UUID
    client_id: str
    scope: frozenset[str]
    granted_at: datetime

    def covers(self, scope: tuple[str, ...]) -> bool:
        """Say whether a request asks for nothing that was not granted yet."""
        return self.scope.issuperset(scope)
