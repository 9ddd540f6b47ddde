"""Denials, for whoever is asked why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from paseport_shared.domain.models.denial import Denial


class DecisionLog(Protocol):
    """The last denials, 100,000 or as many as the adapter says, best effort. Every method raises ``Unavailable``.

    Long texts are kept ``shortened``.
    """

    async def add(self, denials: Sequence[Denial]) -> None:
        """Append denials, oldest first."""
        ...

    async def find(self, request_id: str) -> Denial | None:
        """Return the denial of a request, or None where it is not there (any more), or the id is none of ours."""
        ...

    async def latest(self, limit: int, before: str | None = None) -> tuple[tuple[Denial, ...], str | None]:
        """Return the newest denials before a position, newest first, and the position to go on from, or None.

        Raises ``InvalidRequest`` for a position that cannot be one.
        """
        ...
