"""Uses of API keys on their way to the record, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.domain.models.api_key import ApiKeyUse


class MemoryApiKeyUsage:
    """``ApiKeyUsage`` of one process: uses that were not recorded when it ends are lost with it."""

    def __init__(self, outage: MemoryOutage | None = None) -> None:
        self._outage = outage or MemoryOutage()
        self._pending: dict[str, ApiKeyUse] = {}

    async def add(self, uses: Sequence[ApiKeyUse]) -> None:
        """See ``ApiKeyUsage.add``."""
        self._outage.check()
        for use in uses:
            held = self._pending.get(use.key_id)
            if held is not None:
                use = ApiKeyUse(use.key_id, held.count + use.count, max(held.last_used_at, use.last_used_at))
            self._pending[use.key_id] = use

    async def take(self, limit: int) -> tuple[ApiKeyUse, ...]:
        """See ``ApiKeyUsage.take``."""
        self._outage.check()
        return tuple(self._pending.pop(key_id) for key_id in [*islice(self._pending, limit)])
