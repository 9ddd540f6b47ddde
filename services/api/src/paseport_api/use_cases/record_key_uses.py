"""Counting how often API keys are used, off the path of the decisions."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from paseport.clock import Clock
from paseport.errors import Unavailable
from paseport_shared.domain.models.api_key import ApiKeyUse
from paseport_shared.domain.ports.api_key_usage import ApiKeyUsage

INTERVAL_SECONDS: Final = 5.0
KEYS_KEPT: Final = 20_000
_BATCH: Final = 500


class RecordKeyUses:
    """Counts in memory; every few seconds what was counted goes on. An outage loses counts, never a decision.

    While nobody takes them, the counts of up to ``keys_kept`` keys wait.
    """

    def __init__(self, usage: ApiKeyUsage, clock: Clock, *, keys_kept: int = KEYS_KEPT) -> None:
        self._usage = usage
        self._clock = clock
        self._keys_kept = keys_kept
        self._uses: dict[str, tuple[int, float]] = {}

    def note(self, key_id: str, moment: float) -> None:
        """Count one use, at ``moment`` in monotonic seconds."""
        held = self._uses.get(key_id)
        if held is not None:
            self._uses[key_id] = (held[0] + 1, moment)
        elif len(self._uses) < self._keys_kept:
            self._uses[key_id] = (1, moment)

    async def __call__(self) -> None:
        """Pass on what was counted until cancelled, and then once more."""
        try:
            while True:
                await asyncio.sleep(INTERVAL_SECONDS)
                await self.step()
        finally:
            await self.step()

    async def step(self) -> None:
        """Pass on what was counted so far. What nobody takes waits for the next time."""
        uses, self._uses = self._uses, {}
        now, moment = self._clock.now(), self._clock.monotonic()
        waiting = [*uses]
        while waiting:
            # Some at a time: decisions are made between them.
            batch = [_use(key_id, *uses[key_id], now, moment) for key_id in waiting[:_BATCH]]
            try:
                await self._usage.add(batch)
            except Unavailable:
                self._wait_again(waiting, uses)
                return
            del waiting[:_BATCH]

    def _wait_again(self, key_ids: Sequence[str], uses: dict[str, tuple[int, float]]) -> None:
        for key_id in key_ids:
            count, last = uses[key_id]
            since = self._uses.get(key_id)
            if since is not None:
                self._uses[key_id] = (since[0] + count, since[1])
            elif len(self._uses) < self._keys_kept:
                self._uses[key_id] = (count, last)


def _use(key_id: str, count: int, last: float, now: datetime, moment: float) -> ApiKeyUse:
    return ApiKeyUse(key_id, count, now - timedelta(seconds=moment - last))
