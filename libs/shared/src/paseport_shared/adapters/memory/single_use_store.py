"""Things that wait for a browser to come back, in memory."""

from __future__ import annotations

from datetime import datetime
from typing import Generic

from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.tidying import TidyingPace
from paseport_shared.domain.ports.single_use_store import Held


class MemorySingleUseStore(Generic[Held]):
    """``SingleUseStore`` in a dict. No method awaits between reading and writing, so each is one atomic step."""

    def __init__(self, outage: MemoryOutage | None = None) -> None:
        self._outage = outage or MemoryOutage()
        self._held: dict[str, Held] = {}
        self._pace = TidyingPace()

    async def put(self, held: Held) -> None:
        """Store a new thing."""
        self._outage.check()
        if self._pace.is_due(len(self._held)):
            self._held = {key: other for key, other in self._held.items() if other.is_live(held.created_at)}
            self._pace.swept(len(self._held))
        self._held[held.id] = held

    async def find(self, held_id: str, now: datetime) -> Held | None:
        """Return it while it is live, and leave it there; else None."""
        self._outage.check()
        held = self._held.get(held_id)
        return held if held is not None and held.is_live(now) else None

    async def consume(self, held_id: str, now: datetime) -> Held | None:
        """Remove it and return it while it is live; of concurrent callers one gets it, the others None."""
        self._outage.check()
        held = self._held.pop(held_id, None)
        return held if held is not None and held.is_live(now) else None
