"""Keeping a process' copy of the revocations current."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from paseport.clock import Clock
from paseport.errors import Unavailable
from paseport.feed import FeedGap, RevocationFeed
from paseport.revocation import FeedPosition
from paseport.revocation_list import RevocationList

HEARTBEAT_SECONDS: Final = 0.5
RETRY_SECONDS: Final = 0.2
ANSWER_SECONDS: Final = 0.5
"""How long beyond its wait a feed may take to answer before the next one is asked."""
_TIDY_EVERY: Final = 600


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
        rounds = 0
        while True:
            try:
                await self.step()
            except Unavailable:
                await asyncio.sleep(RETRY_SECONDS)
            rounds += 1
            if rounds % _TIDY_EVERY == 0:
                self._revocations.forget_expired(self._clock.now())

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
        try:
            async with asyncio.timeout(wait_seconds + ANSWER_SECONDS):
                await self._catch_up(number, feed, wait_seconds)
        except TimeoutError as error:
            raise Unavailable("the revocation feed did not answer in time") from error

    async def _catch_up(self, number: int, feed: RevocationFeed, wait_seconds: float) -> None:
        position = self._positions.get(number)
        if position is not None:
            try:
                changes = await feed.changes_since(position, wait_seconds)
            except FeedGap:
                pass
            else:
                self._positions[number] = changes[-1].position if changes else position
                self._revocations.apply(changes)
                return
        snapshot = await feed.snapshot(self._clock.now())
        self._positions[number] = snapshot.position
        self._revocations.merge(snapshot)
