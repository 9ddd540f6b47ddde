"""Keeping sessions from ending as idle ones while their people use routed hosts."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Final

from paseport.clock import Clock
from paseport.errors import Unavailable
from paseport_shared.domain.ports.handovers import Handovers

INTERVAL_SECONDS: Final = 5.0
AGAIN_SECONDS: Final = 60.0
"""How often the issuer is told of one session; the shortest idle life is as long."""
SESSIONS_KEPT: Final = 20_000


class NoteSessionUses:
    """Remembers which sessions were used, and tells the issuer every few seconds. Best effort."""

    def __init__(self, handovers: Handovers, clock: Clock, *, sessions_kept: int = SESSIONS_KEPT) -> None:
        self._handovers = handovers
        self._clock = clock
        self._sessions_kept = sessions_kept
        self._used: set[str] = set()
        self._told: OrderedDict[str, float] = OrderedDict()

    def note(self, session_id: str) -> None:
        """Remember that a session was used."""
        if len(self._used) < self._sessions_kept:
            self._used.add(session_id)

    async def __call__(self) -> None:
        """Tell the issuer until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL_SECONDS)
            await self.step()

    async def step(self) -> None:
        """Tell the issuer of the sessions that it was not told of lately. Best effort: what it misses is used again."""
        used, self._used = self._used, set()
        moment = self._clock.monotonic()
        for session_id in used:
            if moment < self._told.get(session_id, 0.0):
                continue
            try:
                await self._handovers.note_use(session_id)
            except Unavailable:
                return
            self._told[session_id] = moment + AGAIN_SECONDS
            self._told.move_to_end(session_id)
            if len(self._told) > self._sessions_kept:
                self._told.popitem(last=False)
