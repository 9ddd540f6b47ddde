"""Passing on what this process hears from the revocation feed."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from paseport.errors import Unavailable
from paseport.feed import FeedGap
from paseport.revocation import FeedChange, FeedPosition, FeedSnapshot, Revocation, SubjectChange
from paseport.revocation_list import Listener, RevocationList

from paseport_shared.domain.wake_up import WakeUp

INCREMENTS_KEPT: Final = 4096
LONG_POLL_SECONDS: Final = 1.0
"""Longer than the time between two answers of the relayed feed: whoever waits so long hears of one."""
PAGE_SIZE: Final = 10_000
"""Revocations after which a page ends; one part of the copy is never divided."""
WITHOUT_POSITIONS: Final = 0
"""The epoch of a feed that has no increments (``RecordFeed``)."""


class RevocationRelay(Listener):
    """A ``RevocationFeed`` out of a process' own copy.

    However many readers there are, the feed behind is read once. An answer to a reader who waits means that the feed
    behind answered after the reader had asked, so the age of its copy counts from there; where the feed behind is
    silent, so is the relay.

    Positions are those of the feed behind: a reader may ask any issuer next, and goes on where it was. A feed without
    positions gets the relay's own, under an ``epoch`` that must differ from that of every other relay and every earlier
    start; what changed of subjects is not in such a feed, so everybody's copies of them are declared old each time.
    """

    def __init__(
        self,
        revocations: RevocationList,
        epoch: int,
        *,
        increments_kept: int = INCREMENTS_KEPT,
        page_size: int = PAGE_SIZE,
    ) -> None:
        self._revocations = revocations
        self._page_size = page_size
        self._own_epoch = epoch
        self._own_seq = 0
        self._position = FeedPosition(epoch, 0)
        self._increments: deque[FeedChange] = deque(maxlen=increments_kept)
        self._news = WakeUp()
        revocations.listen(self)

    def heard(self, new: Sequence[Revocation | SubjectChange]) -> None:
        """See ``Listener``. What a feed with positions brings has one already."""
        if self._has_own_positions:
            for what in new:
                self._add_own(what)
            self._news.everybody()

    def followed(self, changes: tuple[FeedChange, ...]) -> None:
        """See ``Listener``."""
        position = self._revocations.position
        if position is None or position.epoch == WITHOUT_POSITIONS:
            # It has none of these: a heartbeat.
            self._news.everybody()
            return
        new = [change for change in changes if change.position > self._position]
        if position.epoch != self._position.epoch or position.seq > self._position.seq + len(new):
            # The process followed another feed meanwhile and is back: what came between is in its copy, not here.
            self._begin(position)
        elif new:
            self._increments.extend(new)
            self._position = position
        self._news.everybody()

    def lost_track(self) -> None:
        """See ``Listener``."""
        position = self._revocations.position
        if position is not None and position.epoch != WITHOUT_POSITIONS:
            self._begin(position)
        else:
            if not self._has_own_positions:
                self._begin(FeedPosition(self._own_epoch, self._own_seq))
            self._add_own(SubjectChange())
        self._news.everybody()

    async def snapshot(self, now: datetime, page: str | None = None) -> FeedSnapshot:
        """See ``RevocationFeed.snapshot``. A page is a part of the copy; the first one says from where to follow."""
        self._require_fresh()
        number = _number(page, self._revocations.shards())
        parts: list[Revocation] = []
        while number < self._revocations.shards():
            parts.extend(self._revocations.in_force_in(number, now))
            number += 1
            if len(parts) >= self._page_size:
                break
        rest = str(number) if number < self._revocations.shards() else None
        return FeedSnapshot(self._position, tuple(parts), rest)

    async def changes_since(self, position: FeedPosition, wait_seconds: float) -> tuple[FeedChange, ...]:
        """See ``RevocationFeed.changes_since``. Returns with the first answer of the feed behind, news or none.

        A reader may have been told of a change by another issuer that this one hears of only now.
        """
        is_ahead = position.epoch == self._position.epoch and position.seq > self._position.seq
        changes = () if is_ahead and wait_seconds > 0 else self._after(position)
        if not changes and wait_seconds > 0:
            heard = await self._news.wait(wait_seconds)
            if not heard and wait_seconds >= LONG_POLL_SECONDS:
                raise Unavailable("the feed behind the relay is silent")
            changes = self._after(position)
        self._require_fresh()
        return changes

    @property
    def _has_own_positions(self) -> bool:
        return self._position.epoch == self._own_epoch

    def _begin(self, position: FeedPosition) -> None:
        self._position = position
        self._increments.clear()

    def _add_own(self, what: Revocation | SubjectChange) -> None:
        self._own_seq += 1
        self._position = FeedPosition(self._own_epoch, self._own_seq)
        self._increments.append(FeedChange(self._position, what))

    def _after(self, position: FeedPosition) -> tuple[FeedChange, ...]:
        missing = self._position.seq - position.seq
        if position.epoch != self._position.epoch or not 0 <= missing <= len(self._increments):
            raise FeedGap
        return tuple(self._increments)[len(self._increments) - missing :]

    def _require_fresh(self) -> None:
        if not self._revocations.state().is_fresh:
            raise Unavailable("the feed behind the relay is silent")


def _number(page: str | None, pages: int) -> int:
    if page is None:
        return 0
    if not (page.isascii() and page.isdecimal() and len(page) <= 2 and int(page) < pages):
        raise FeedGap
    return int(page)
