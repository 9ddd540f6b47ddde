"""How often keys are used, on its way from those who see it to the record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from paseport_shared.domain.models.api_key import ApiKeyUse


class ApiKeyUsage(Protocol):
    """Best effort: an outage loses counts, never a decision. Every method raises ``Unavailable``."""

    async def add(self, uses: Sequence[ApiKeyUse]) -> None:
        """Add to what waits to be recorded. ``last_used_at`` never goes back."""
        ...

    async def take(self, limit: int) -> tuple[ApiKeyUse, ...]:
        """Remove and return up to ``limit`` keys' uses; of concurrent callers each use reaches one."""
        ...
