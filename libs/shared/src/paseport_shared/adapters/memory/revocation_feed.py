"""The revocation feed in memory: publisher and readers share one process."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from typing import Final

from paseport.feed import FeedGap
from paseport.revocation import (
    FeedChange,
    FeedPosition,
    FeedSnapshot,
    Revocation,
    RevocationKind,
    SubjectChange,
)
from paseport.revocation_list import stricter

from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.tidying import TidyingPace
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.wake_up import WakeUp

INCREMENTS_KEPT: Final = 4096


class MemoryRevocationFeed:
    """``RevocationPublisher`` and ``RevocationFeed`` of one process.

    ``epoch`` must differ from that of every earlier start (the start time does), because positions of an earlier
    one mean nothing here. A new feed is incomplete, as one that lost its memory is. Of the increments the last
    ``increments_kept`` are at hand; who needs older ones reads a snapshot.
    """

    def __init__(
        self, epoch: int, outage: MemoryOutage | None = None, *, increments_kept: int = INCREMENTS_KEPT
    ) -> None:
        self._epoch = epoch
        self._outage = outage or MemoryOutage()
        self._complete = False
        self._seq = 0
        self._in_force: dict[tuple[RevocationKind, str], Revocation] = {}
        self._increments: deque[FeedChange] = deque(maxlen=increments_kept)
        self._added = WakeUp()
        self._pace = TidyingPace()

    async def publish(self, revocation: Revocation, *more: Revocation) -> FeedPosition:
        """Put revocations in force and return the position that includes them."""
        self._outage.check()
        for one in (revocation, *more):
            self._add(one)
        return self._position

    async def announce(self, change: SubjectChange) -> FeedPosition:
        """Tell every verifier that its copy of a subject is old, and return the position that includes it."""
        self._outage.check()
        self._append(change)
        return self._position

    async def epoch(self) -> int:
        """Return the epoch of this process."""
        self._outage.check()
        return self._epoch

    async def is_complete(self) -> bool:
        """Say whether the feed was filled since its start."""
        self._outage.check()
        return self._complete

    async def mark_complete(self, epoch: int) -> bool:
        """Declare that everything in force was published since the start."""
        self._outage.check()
        self._complete = self._complete or epoch == self._epoch
        return epoch == self._epoch

    def lose_everything(self) -> None:
        """Rehearse what a new primary without data looks like."""
        self._epoch += 1
        self._seq = 0
        self._complete = False
        self._in_force.clear()
        self._increments.clear()
        self._added.everybody()

    async def snapshot(self, now: datetime, page: str | None = None) -> FeedSnapshot:
        """Return all revocations that have not expired at ``now``, on one page."""
        self._outage.check()
        if not self._complete:
            raise Unavailable("the revocation feed was not filled yet")
        in_force = tuple(revocation for revocation in self._in_force.values() if revocation.expires_at > now)
        return FeedSnapshot(self._position, in_force)

    async def changes_since(self, position: FeedPosition, wait_seconds: float) -> tuple[FeedChange, ...]:
        """Return the changes after ``position`` in order, waiting up to ``wait_seconds`` for the first one."""
        self._outage.check()
        changes = self._after(position)
        if not changes and wait_seconds > 0:
            await self._added.wait(wait_seconds)
            self._outage.check()
            changes = self._after(position)
        return changes

    @property
    def _position(self) -> FeedPosition:
        return FeedPosition(self._epoch, self._seq)

    def _after(self, position: FeedPosition) -> tuple[FeedChange, ...]:
        missing = self._seq - position.seq
        if position.epoch != self._epoch or not 0 <= missing <= len(self._increments):
            raise FeedGap
        return tuple(self._increments)[len(self._increments) - missing :]

    def _add(self, revocation: Revocation) -> None:
        key = (revocation.kind, revocation.subject)
        held = self._in_force.get(key)
        merged = revocation if held is None else stricter(held, revocation)
        if merged == held:
            return
        if self._pace.is_due(len(self._in_force)):
            self._tidy(revocation.recorded_at)
        self._in_force[key] = merged
        self._append(merged)

    def _append(self, what: Revocation | SubjectChange) -> None:
        self._seq += 1
        self._increments.append(FeedChange(self._position, what))
        self._added.everybody()

    def _tidy(self, now: datetime) -> None:
        self._in_force = {key: value for key, value in self._in_force.items() if value.expires_at > now}
        self._pace.swept(len(self._in_force))
