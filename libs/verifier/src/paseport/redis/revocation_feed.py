"""The revocation feed in Redis, as a verifier reads it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from paseport.deadline import Deadline
from paseport.errors import Unavailable
from paseport.feed import FeedGap
from paseport.redis.access import RedisAccess
from paseport.redis.feed_scripts import CHANGES, SNAPSHOT, SUBJECT_PREFIX
from paseport.redis.moments import moment
from paseport.redis.script import Reply
from paseport.redis.settings import tagged
from paseport.revocation import FeedChange, FeedPosition, FeedSnapshot, Revocation, RevocationKind, SubjectChange

NAMESPACE: Final = "revocation"
PAGE_SIZE: Final = 5_000
"""About how many revocations a page has: Redis serves nobody else while it reads one."""


class RedisRevocationFeed:
    """``RevocationFeed`` on one primary, which a majority of the Sentinels has to confirm.

    An epoch belongs to one history of writes: Redis names it by the primary's replication id, which changes with every
    failover and restart. All that is read is checked against it on the primary, in the same step.
    """

    def __init__(self, access: RedisAccess, *, namespace: str = NAMESPACE, page_size: int = PAGE_SIZE) -> None:
        self._access = access
        self._page_size = page_size
        prefix = tagged(namespace)
        self._increments = f"{prefix}:increments"
        self._keys = (f"{prefix}:state", f"{prefix}:in_force", f"{prefix}:by_expiry", self._increments)

    async def snapshot(self, now: datetime, page: str | None = None) -> FeedSnapshot:
        """Return the revocations that have not expired at ``now``, page by page."""
        await self._access.confirm_primary()
        begun, _, cursor = (page or "-0").partition("-")
        # On a connection of its own: the answer may be large, and others need not wait for it.
        answer = await self._access.read_alone(SNAPSHOT(self._keys, cursor, self._page_size))
        if answer is None:
            raise Unavailable("the revocation feed of this primary was not filled yet")
        epoch, seq, following, fields = int(answer[0]), int(answer[1]), answer[2].decode(), answer[3]
        if begun and int(begun) != epoch:
            raise FeedGap
        held = (_revocation(name, terms) for name, terms in zip(fields[::2], fields[1::2], strict=True))
        return FeedSnapshot(
            FeedPosition(epoch, seq),
            tuple(revocation for revocation in held if revocation.expires_at > now),
            None if following == "0" else f"{epoch}-{following}",
        )

    async def changes_since(self, position: FeedPosition, wait_seconds: float) -> tuple[FeedChange, ...]:
        """Return the changes after ``position`` in order, waiting up to ``wait_seconds`` for the first one."""
        end = asyncio.get_running_loop().time() + wait_seconds
        try:
            # One deadline beyond the wait for all of it: a verifier that was cut off has to notice in time.
            async with Deadline(wait_seconds + self._access.deadline_seconds):
                changes = await self._at_hand(position)
                left = end - asyncio.get_running_loop().time()
                if changes or left <= 0:
                    return changes
                # Silence counts only if the feed is still the same one, on the same primary, once it is over.
                return await self._next(position, left) or await self._at_hand(position)
        except TimeoutError as error:
            raise Unavailable("the revocation feed did not answer in time") from error

    async def _at_hand(self, position: FeedPosition) -> tuple[FeedChange, ...]:
        await self._access.confirm_primary()
        (entries,) = await self._access.send(CHANGES(self._keys, position.epoch, position.seq))
        if entries is None:
            raise FeedGap
        return _following(position, entries)

    async def _next(self, position: FeedPosition, wait_seconds: float) -> tuple[FeedChange, ...]:
        milliseconds = max(1, round(wait_seconds * 1000))
        here = f"{position.epoch}-{position.seq}"
        streams = await self._access.read_alone(
            ("XREAD", "BLOCK", milliseconds, "STREAMS", self._increments, here), wait_seconds
        )
        return _following(position, streams[0][1]) if streams else ()


def _change(name: bytes, terms: bytes) -> Revocation | SubjectChange:
    subject = name.removeprefix(SUBJECT_PREFIX)
    if subject == name:
        return _revocation(name, terms)
    return SubjectChange(subject.decode() or None, int(terms) if terms else None)


def _revocation(name: bytes, terms: bytes) -> Revocation:
    kind, _, subject = name.decode().partition(":")
    min_version, recorded_at, expires_at = terms.split(b":")
    return Revocation(
        RevocationKind(kind),
        subject,
        int(min_version) if min_version else None,
        moment(int(recorded_at)),
        moment(int(expires_at)),
    )


def _following(position: FeedPosition, entries: Sequence[Reply]) -> tuple[FeedChange, ...]:
    """Return stream entries as changes. Raises ``FeedGap`` unless they follow ``position`` without a hole."""
    changes = []
    for entry_id, (_, name, _, terms) in entries:
        epoch, _, seq = entry_id.partition(b"-")
        change = FeedChange(FeedPosition(int(epoch), int(seq)), _change(name, terms))
        if change.position != FeedPosition(position.epoch, position.seq + 1):
            raise FeedGap
        position = change.position
        changes.append(change)
    return tuple(changes)
