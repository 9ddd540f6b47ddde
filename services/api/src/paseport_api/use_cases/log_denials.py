"""Writing down what was denied, off the path of the decisions."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Final

from paseport.errors import Unavailable
from paseport_shared.domain.models.denial import Denial
from paseport_shared.domain.ports.decision_log import DecisionLog

QUEUE: Final = 1_000
_STRANGERS_SHARE: Final = 10
"""The part of the queue, one in so many, for what strangers can cause at will."""
_BATCH: Final = 100
INTERVAL_SECONDS: Final = 0.25
"""Between two looks: what comes faster than a queue in each is dropped, so that a flood costs little."""

_log = logging.getLogger(__name__)


class LogDenials:
    """A bounded queue in front of the decision log. A flood loses denials, and delays no answer.

    What strangers can cause at will gets a small part of the queue: some 400 a second, so that they drive out nothing
    that an administrator would look for, and writing down their flood costs less than refusing it.
    """

    def __init__(self, decisions: DecisionLog, *, queue: int = QUEUE) -> None:
        self._decisions = decisions
        self._waiting: deque[Denial] = deque()
        self._queue = queue
        self._more = asyncio.Event()
        self.dropped = 0
        """How many did not fit, since the start."""

    def has_room(self, *, for_strangers: bool) -> bool:
        """Say whether another denial would be kept; one that would not be need not be made, and counts as dropped."""
        has_room = len(self._waiting) < (self._queue // _STRANGERS_SHARE if for_strangers else self._queue)
        self.dropped += not has_room
        return has_room

    def note(self, denial: Denial) -> None:
        """Queue a denial for which there is room."""
        self._waiting.append(denial)
        self._more.set()

    async def __call__(self) -> None:
        """Write until cancelled."""
        while True:
            await self._more.wait()
            await self.step()
            await asyncio.sleep(INTERVAL_SECONDS)

    async def step(self) -> bool:
        """Write what waits; False where the log does not answer: then it waits on."""
        while self._waiting:
            batch = [self._waiting[number] for number in range(min(_BATCH, len(self._waiting)))]
            try:
                await self._decisions.add(batch)
            except Unavailable as error:
                _log.debug("the decision log does not answer: %s", error.reason)
                return False
            for _ in batch:
                self._waiting.popleft()
        self._more.clear()
        return True
