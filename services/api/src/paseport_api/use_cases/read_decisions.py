"""What was denied lately."""

from __future__ import annotations

from dataclasses import dataclass

from paseport_shared.domain.models.denial import Denial
from paseport_shared.domain.ports.decision_log import DecisionLog


@dataclass(frozen=True, slots=True)
class DenialPage:
    """``items``, newest first, and the position behind which the next page begins, or None."""

    items: tuple[Denial, ...]
    next: str | None = None


class ReadDecisions:
    """Reads the log of denials. Requests that passed are not in it."""

    def __init__(self, decisions: DecisionLog) -> None:
        self._decisions = decisions

    async def latest(self, limit: int, before: str | None = None) -> DenialPage:
        """Return the newest denials before a position. Raises ``InvalidRequest``, ``Unavailable``."""
        return DenialPage(*await self._decisions.latest(limit, before))

    async def of_request(self, request_id: str) -> DenialPage:
        """Return the denial of a request, or nothing where there is none (any more). Raises ``Unavailable``."""
        found = await self._decisions.find(request_id)
        return DenialPage(() if found is None else (found,))
