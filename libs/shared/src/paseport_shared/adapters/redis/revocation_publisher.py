"""The revocation feed in Redis, as the issuer writes it."""

from __future__ import annotations

from typing import Final

from paseport.redis.access import RedisAccess
from paseport.redis.feed_scripts import SUBJECT_PREFIX
from paseport.redis.moments import microseconds
from paseport.redis.revocation_feed import NAMESPACE, RedisRevocationFeed
from paseport.redis.script import ScriptCall
from paseport.revocation import FeedPosition, Revocation, SubjectChange

from paseport_shared.adapters.redis.feed_scripts import ADD, ANNOUNCE, EPOCH, IS_COMPLETE, MARK_COMPLETE

INCREMENTS_KEPT: Final = 4096


class RedisRevocationPublisher(RedisRevocationFeed):
    """``RevocationPublisher``, and the feed that it writes."""

    def __init__(
        self, access: RedisAccess, *, increments_kept: int = INCREMENTS_KEPT, namespace: str = NAMESPACE
    ) -> None:
        super().__init__(access, namespace=namespace)
        self._increments_kept = increments_kept

    async def publish(self, revocation: Revocation, *more: Revocation) -> FeedPosition:
        """Put revocations in force and return the position that includes them."""
        # Confirmed also where they are in force already: an earlier attempt may not have been.
        *_, position = await self._access.confirm_in_steps([self._add(one) for one in (revocation, *more)])
        epoch, seq = position
        return FeedPosition(int(epoch), int(seq))

    async def announce(self, change: SubjectChange) -> FeedPosition:
        """Tell every verifier that its copy of a subject is old, and return the position that includes it."""
        (position,) = await self._access.confirm(
            ANNOUNCE(
                self._keys,
                SUBJECT_PREFIX + (change.subject or "").encode(),
                "" if change.revision is None else change.revision,
                self._increments_kept,
            )
        )
        epoch, seq = position
        return FeedPosition(int(epoch), int(seq))

    async def epoch(self) -> int:
        """Return the current epoch, begun now where the feed may have lost something."""
        (epoch,) = await self._access.confirm(EPOCH(self._keys))
        return int(epoch)

    async def is_complete(self) -> bool:
        """Say whether the current epoch was filled."""
        (is_complete,) = await self._access.send(IS_COMPLETE(self._keys))
        return bool(is_complete)

    async def mark_complete(self, epoch: int) -> bool:
        """Declare that everything in force was published in ``epoch``; False, and no effect, in any later one."""
        (is_complete,) = await self._access.confirm(MARK_COMPLETE(self._keys, epoch))
        return bool(is_complete)

    def _add(self, revocation: Revocation) -> ScriptCall:
        return ADD(
            self._keys,
            _name(revocation),
            "" if revocation.min_version is None else revocation.min_version,
            microseconds(revocation.recorded_at),
            microseconds(revocation.expires_at),
            self._increments_kept,
        )


def _name(revocation: Revocation) -> str:
    return f"{revocation.kind.value}:{revocation.subject}"
