"""Saying once what changed: a part went away or is back, another feed is followed, the feed began anew.

Requests that fail for it are logged too, each with its reason; here is the one line that tells what happened, whether
anybody asked meanwhile or not.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import structlog
from paseport.deadline import Deadline
from paseport.feed import RevocationFeed
from paseport.follow_revocations import FollowRevocations
from paseport.revocation import FeedChange, FeedPosition, FeedSnapshot

from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.service_reading import Part
from paseport_shared.http.health import CHECK_SECONDS, Check, ReadParts
from paseport_shared.http.metrics import ServiceMetrics

PARTS_SECONDS: Final = 2.0
FEEDS_SECONDS: Final = 0.25

_log = structlog.get_logger(__name__)


class WatchParts:
    """Looks at the parts of a service and tells of each one that goes away or comes back."""

    def __init__(self, read: ReadParts, metrics: ServiceMetrics) -> None:
        self._read = read
        self._metrics = metrics
        self._down_since: dict[str, float] = {}

    async def __call__(self) -> None:
        """Look until cancelled."""
        while True:
            await self.step()
            await asyncio.sleep(PARTS_SECONDS)

    async def step(self) -> None:
        """Look once."""
        for part in await self._read():
            self._metrics.part(part.name, is_up=part.is_up)
            if part.is_up and part.name in self._down_since:
                seconds = time.monotonic() - self._down_since.pop(part.name)
                _log.warning("part is up again", part=part.name, down_seconds=round(seconds, 1))
            elif not part.is_up and part.name not in self._down_since:
                self._down_since[part.name] = time.monotonic()
                _log.error("part is down", part=part.name, reason=part.detail)


def reasons_of(checks: Mapping[str, Check]) -> ReadParts:
    """Return what runs readiness checks and says why one fails: for the log, where answers say less."""

    async def read() -> Sequence[Part]:
        return await asyncio.gather(*(_look(name, check) for name, check in checks.items()))

    return read


async def _look(name: str, check: Check) -> Part:
    try:
        async with Deadline(CHECK_SECONDS):
            await check()
    except TimeoutError:
        return Part(name, is_up=False, detail=f"no answer within {CHECK_SECONDS:g} s")
    except Unavailable as error:
        return Part(name, is_up=False, detail=error.reason)
    except Exception as error:
        # A check that fails itself must not end the watch over all the others.
        return Part(name, is_up=False, detail=f"the check failed: {type(error).__name__}")
    return Part(name, is_up=True)


class WatchFeeds:
    """Tells which revocation feed is followed, whenever that changes; ``feeds`` names them in their order."""

    def __init__(self, feeds: Sequence[str], follow: FollowRevocations) -> None:
        self._feeds = feeds
        self._follow = follow
        self._followed: int | None = None

    async def __call__(self) -> None:
        """Look until cancelled."""
        while True:
            self.step()
            await asyncio.sleep(FEEDS_SECONDS)

    def step(self) -> None:
        """Look once."""
        before, self._followed = self._followed, self._follow.following
        if before == self._followed:
            return
        if self._followed is None:
            _log.error("no revocation feed answers", followed_before=self._name(before))
        elif before is None or self._followed < before:
            _log.info("following a revocation feed", feed=self._name(self._followed), before=self._name(before))
        else:
            _log.warning(
                "following the next revocation feed", feed=self._name(self._followed), before=self._name(before)
            )

    def _name(self, number: int | None) -> str | None:
        return None if number is None else self._feeds[number]


class NoticedFeed:
    """A ``RevocationFeed`` whose new beginnings are told: a new epoch is a new primary, or a store that was flushed."""

    def __init__(self, name: str, feed: RevocationFeed) -> None:
        self._name = name
        self._feed = feed
        self._epoch: int | None = None

    async def snapshot(self, now: datetime, page: str | None = None) -> FeedSnapshot:
        """See ``RevocationFeed.snapshot``."""
        snapshot = await self._feed.snapshot(now, page)
        before, self._epoch = self._epoch, snapshot.position.epoch
        if before is not None and before != self._epoch:
            _log.warning("the revocation feed began a new epoch", feed=self._name, epoch=self._epoch, before=before)
        return snapshot

    async def changes_since(self, position: FeedPosition, wait_seconds: float) -> tuple[FeedChange, ...]:
        """See ``RevocationFeed.changes_since``."""
        return await self._feed.changes_since(position, wait_seconds)
