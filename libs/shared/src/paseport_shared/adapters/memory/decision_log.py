"""Denials, in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Final

from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.domain.errors import InvalidRequest
from paseport_shared.domain.models.denial import Denial, shortened

CAPACITY: Final = 10_000
_MAX_DIGITS: Final = 20


class MemoryDecisionLog:
    """``DecisionLog`` of one process: the last ``capacity`` denials. A position is the number of a denial."""

    def __init__(self, outage: MemoryOutage | None = None, *, capacity: int = CAPACITY) -> None:
        self._outage = outage or MemoryOutage()
        self._denials: deque[tuple[int, Denial]] = deque(maxlen=capacity)
        self._added = 0

    async def add(self, denials: Sequence[Denial]) -> None:
        """See ``DecisionLog.add``."""
        self._outage.check()
        for denial in denials:
            self._added += 1
            self._denials.append((self._added, shortened(denial)))

    async def find(self, request_id: str) -> Denial | None:
        """See ``DecisionLog.find``."""
        self._outage.check()
        return next((denial for _, denial in reversed(self._denials) if denial.request_id == request_id), None)

    async def latest(self, limit: int, before: str | None = None) -> tuple[tuple[Denial, ...], str | None]:
        """See ``DecisionLog.latest``."""
        if before is not None and not (before.isascii() and before.isdigit() and len(before) <= _MAX_DIGITS):
            raise InvalidRequest("a position that is none of the log's")
        self._outage.check()
        end = self._added + 1 if before is None else int(before)
        older = ((number, denial) for number, denial in reversed(self._denials) if number < end)
        page = list(islice(older, limit + 1))
        shown = page[:limit]
        return tuple(denial for _, denial in shown), str(shown[-1][0]) if len(page) > limit else None
