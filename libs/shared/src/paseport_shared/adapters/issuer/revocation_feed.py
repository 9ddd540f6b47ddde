"""Following the issuer's revocations over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import msgspec
from paseport.feed import FeedGap
from paseport.revocation import (
    FeedChange,
    FeedPosition,
    FeedSnapshot,
    Revocation,
    RevocationKind,
)

from paseport_shared.adapters.issuer.internal_client import DEADLINE_SECONDS, InternalClient
from paseport_shared.domain.errors import Unavailable

_PATH: Final = "/internal/v1/feed"
# The issuer refuses to be waited for longer; a reader that wants more asks again.
_MAX_WAIT_SECONDS: Final = 1.0

_Time = Annotated[datetime, msgspec.Meta(tz=True)]


class _Item(msgspec.Struct, frozen=True):
    # In a snapshot an item has no position of its own.
    kind: RevocationKind
    subject: str
    min_version: int | None
    recorded_at: _Time
    expires_at: _Time
    seq: int | None = None

    def to_domain(self) -> Revocation:
        if (self.kind is RevocationKind.USER) != (self.min_version is not None):
            raise Unavailable("the issuer's feed has a revocation without its version, or with one it cannot have")
        return Revocation(self.kind, self.subject, self.min_version, self.recorded_at, self.expires_at)


class _Feed(msgspec.Struct, frozen=True):
    epoch: int
    seq: int
    reset: bool
    revocations: tuple[_Item, ...]


class IssuerRevocationFeed:
    """``RevocationFeed`` over ``GET /internal/v1/feed``, a long poll."""

    def __init__(self, client: InternalClient) -> None:
        self._client = client

    async def snapshot(self, now: datetime) -> FeedSnapshot:
        """Return all revocations that have not expired at ``now``. Raises ``Unavailable``."""
        feed = (await self._client.get(_PATH)).read_as(_Feed)
        if not feed.reset:
            raise Unavailable("the issuer's feed answered with increments where a snapshot was asked for")
        revocations = (item.to_domain() for item in feed.revocations)
        return FeedSnapshot(
            FeedPosition(feed.epoch, feed.seq),
            tuple(revocation for revocation in revocations if revocation.expires_at > now),
        )

    async def changes_since(self, position: FeedPosition, wait_seconds: float) -> tuple[FeedChange, ...]:
        """Return the changes after ``position`` in order, waiting up to ``wait_seconds`` for the first one.

        Raises ``FeedGap`` when the issuer starts anew or a change is missing, and ``Unavailable``.
        """
        wait = min(wait_seconds, _MAX_WAIT_SECONDS)
        params = {"epoch": str(position.epoch), "seq": str(position.seq), "wait": f"{wait:.3f}"}
        answer = await self._client.get(_PATH, params=params, deadline_seconds=DEADLINE_SECONDS + wait)
        feed = answer.read_as(_Feed)
        if feed.reset or feed.epoch != position.epoch:
            raise FeedGap
        # A missing change would leave something unrevoked for good, so the sequence is checked, not believed.
        seqs = [item.seq for item in feed.revocations]
        follow = range(position.seq + 1, position.seq + 1 + len(seqs))
        if seqs != list(follow) or feed.seq != position.seq + len(seqs):
            raise FeedGap
        return tuple(
            FeedChange(FeedPosition(feed.epoch, seq), item.to_domain())
            for seq, item in zip(follow, feed.revocations, strict=True)
        )
