"""Denials, for whoever is asked why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from paseport_shared.domain.models.denial import Denial


class DecisionLog(Protocol):
    """The last 100,000 denials, best effort. Every method raises ``Unavailable``."""

    async def add(self, denials: Sequence[Denial]) -> None:
        """Append denials, oldest first."""
        ...

    async def find(self, request_id: str) -> Denial | None:
        """Return the denial of a request, or None where it is not there (any more)."""
        ...

    async def latest(self, limit: int, before: str | None = None) -> tuple[tuple[Denial, ...], str | None]:
        """Return the newest denials before a position, newest first, and the position to go on from, or None."""
        ...
