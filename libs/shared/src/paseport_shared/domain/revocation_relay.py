"""Passing on the revocations that this process hears of."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from paseport.feed import FeedGap
from paseport.revocation import FeedChange, FeedPosition, FeedSnapshot, Revocation
from paseport.revocation_list import RevocationList

from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.wake_up import WakeUp

INCREMENTS_KEPT: Final = 4096
LONG_POLL_SECONDS: Final = 1.0
"""Longer than the time between two answers of the relayed feed: whoever waits so long hears of one."""


class RevocationRelay:
    """A ``RevocationFeed`` out of a process' own copy, with positions of its own.

    However many readers there are, the feed behind is read once. An answer to a reader who waits means that the feed
    behind answered after the reader had asked, so the age of its copy counts from there; where the feed behind is
    silent, so is the relay. ``epoch`` must differ from that of every other relay and every earlier start.
    """

    def __init__(self, revocations: RevocationList, epoch: int, *, increments_kept: int = INCREMENTS_KEPT) -> None:
        self._revocations = revocations
        self._epoch = epoch
        self._seq = 0
        self._increments: deque[FeedChange] = deque(maxlen=increments_kept)
        self._news = WakeUp()
        revocations.listen(self)

    def heard(self, new: Sequence[Revocation]) -> None:
        """See ``revocation_list.Listener``."""
        for revocation in new:
            self._seq += 1
            self._increments.append(FeedChange(self._position, revocation))
        self._news.everybody()

    async def snapshot(self, now: datetime) -> FeedSnapshot:
        """See ``RevocationFeed.snapshot``."""
        self._require_fresh()
        return FeedSnapshot(self._position, self._revocations.in_force(now))

    async def changes_since(self, position: FeedPosition, wait_seconds: float) -> tuple[FeedChange, ...]:
        """See ``RevocationFeed.changes_since``. Returns with the first answer of the feed behind, news or none."""
        changes = self._after(position)
        if not changes and wait_seconds > 0:
            heard = await self._news.wait(wait_seconds)
            if not heard and wait_seconds >= LONG_POLL_SECONDS:
                raise Unavailable("the feed behind the relay is silent")
            changes = self._after(position)
        self._require_fresh()
        return changes

    @property
    def _position(self) -> FeedPosition:
        return FeedPosition(self._epoch, self._seq)

    def _after(self, position: FeedPosition) -> tuple[FeedChange, ...]:
        missing = self._seq - position.seq
        if position.epoch != self._epoch or not 0 <= missing <= len(self._increments):
            raise FeedGap
        return tuple(self._increments)[len(self._increments) - missing :]

    def _require_fresh(self) -> None:
        if not self._revocations.state().is_fresh:
            raise Unavailable("the feed behind the relay is silent")
