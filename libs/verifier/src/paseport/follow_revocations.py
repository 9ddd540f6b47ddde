"""Keeping a process' copy of the revocations current."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Final, TypeVar

from paseport.clock import Clock
from paseport.deadline import Deadline
from paseport.errors import Unavailable
from paseport.feed import FeedGap, RevocationFeed
from paseport.revocation import FeedPosition, FeedSnapshot
from paseport.revocation_list import RevocationList

HEARTBEAT_SECONDS: Final = 0.5
RETRY_SECONDS: Final = 0.2
ANSWER_SECONDS: Final = 0.5
"""How long beyond its wait a feed may take to answer before the next one is asked."""
_TIDY_SECONDS: Final = 1.0
"""Between two looks for what has expired, each in one part of the copy."""


class FollowRevocations:
    """Reads a snapshot, then increments, for as long as it runs. An outage ages the copy; a gap reads it anew.

    ``feeds`` come in order of preference, each with the longest time it may be waited for. Every step begins with the
    first one, and where that does not answer the next is asked at once, so the copy is never older than the failed
    answers took, and the better feed is used again as soon as it is back.
    """

    def __init__(
        self, feeds: Sequence[tuple[RevocationFeed, float]], revocations: RevocationList, clock: Clock
    ) -> None:
        self._feeds = tuple(feeds)
        self._revocations = revocations
        self._clock = clock
        self._positions: dict[int, FeedPosition] = {}
        self._following: int | None = None

    @property
    def following(self) -> int | None:
        """Which of the feeds answered last, counted from 0; None while none does."""
        return self._following

    async def __call__(self) -> None:
        """Follow until cancelled."""
        tidied_at = self._clock.monotonic()
        while True:
            try:
                await self.step()
            except Unavailable:
                await asyncio.sleep(RETRY_SECONDS)
            parts = min(int((self._clock.monotonic() - tidied_at) / _TIDY_SECONDS), self._revocations.shards())
            for _ in range(parts):
                self._revocations.forget_expired(self._clock.now())
                tidied_at = self._clock.monotonic()

    async def step(self, wait_seconds: float | None = None) -> None:
        """Take one snapshot, or the increments that arrive within ``wait_seconds`` (each feed's own, unless given).

        Raises ``Unavailable`` when no feed answers.
        """
        silent = Unavailable("there is no revocation feed")
        for number, (feed, longest) in enumerate(self._feeds):
            try:
                await self._read(number, feed, longest if wait_seconds is None else wait_seconds)
            except Unavailable as problem:
                silent = problem
                continue
            self._following = number
            return
        self._following = None
        raise silent

    async def _read(self, number: int, feed: RevocationFeed, wait_seconds: float) -> None:
        position = self._positions.get(number)
        if position is not None:
            try:
                changes = await _in_time(feed.changes_since(position, wait_seconds), wait_seconds)
            except FeedGap:
                pass
            else:
                self._revocations.apply(changes)
                # Not before: what failed to be taken over is read again.
                self._positions[number] = changes[-1].position if changes else position
                return
        self._positions[number] = await self._read_all(feed)

    async def _read_all(self, feed: RevocationFeed) -> FeedPosition:
        """Take over a snapshot, page by page, and return the position from which its increments follow.

        Each page has the time of one answer: how many there are says nothing about whether the feed is there.
        """
        now = self._clock.now()
        try:
            snapshot = await _in_time(feed.snapshot(now))
            position = snapshot.position
            while snapshot.next is not None:
                self._revocations.merge_page(snapshot)
                snapshot = await _in_time(feed.snapshot(now, snapshot.next))
                if snapshot.position.epoch != position.epoch:
                    raise Unavailable("the revocation feed began anew while it was read")
                # Pages may come from several issuers, of which one is behind: what it did not know yet follows.
                position = min(position, snapshot.position)
        except FeedGap as error:
            raise Unavailable("the revocation feed began anew while it was read") from error
        self._revocations.merge(FeedSnapshot(position, snapshot.revocations))
        return position


_Answer = TypeVar("_Answer")


async def _in_time(answer: Awaitable[_Answer], wait_seconds: float = 0.0) -> _Answer:
    try:
        async with Deadline(wait_seconds + ANSWER_SECONDS):
            return await answer
    except TimeoutError as error:
        raise Unavailable("the revocation feed did not answer in time") from error
