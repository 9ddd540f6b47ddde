"""Keeping a verifier's copy of the revocations current."""

from __future__ import annotations

import asyncio
from typing import Final

from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.ports.clock import Clock
from paseport_shared.domain.ports.revocation_feed import FeedGap, RevocationFeed
from paseport_shared.domain.revocation_list import RevocationList

HEARTBEAT_SECONDS: Final = 0.5
RETRY_SECONDS: Final = 0.2
_TIDY_EVERY: Final = 600


class FollowRevocations:
    """Reads a snapshot, then increments, for as long as it runs. An outage ages the copy; a gap reads it anew."""

    def __init__(self, feed: RevocationFeed, revocations: RevocationList, clock: Clock) -> None:
        self._feed = feed
        self._revocations = revocations
        self._clock = clock

    async def __call__(self) -> None:
        """Follow the feed until cancelled."""
        rounds = 0
        while True:
            try:
                await self.step()
            except Unavailable:
                await asyncio.sleep(RETRY_SECONDS)
            rounds += 1
            if rounds % _TIDY_EVERY == 0:
                self._revocations.forget_expired(self._clock.now())

    async def step(self, wait_seconds: float = HEARTBEAT_SECONDS) -> None:
        """Take one snapshot, or the increments that arrive within ``wait_seconds``.

        Raises ``Unavailable`` when the feed does not answer.
        """
        position = self._revocations.position
        if position is None:
            self._revocations.replace(await self._feed.snapshot(self._clock.now()))
            return
        try:
            self._revocations.apply(await self._feed.changes_since(position, wait_seconds))
        except FeedGap:
            self._revocations.replace(await self._feed.snapshot(self._clock.now()))
