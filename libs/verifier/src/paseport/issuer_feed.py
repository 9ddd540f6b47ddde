"""Following the issuer's revocations over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec

from paseport.errors import Unavailable
from paseport.feed import FeedGap
from paseport.issuer_client import DEADLINE_SECONDS, IssuerClient
from paseport.revocation import (
    FeedChange,
    FeedPosition,
    FeedSnapshot,
    Revocation,
    RevocationKind,
    SubjectChange,
)

PUBLIC_PATH: Final = "/verifiers/v1/feed"
LONG_POLL_SECONDS: Final = 1.0
"""The issuer refuses to be waited for longer; a reader that wants more asks again."""

_Time = Annotated[datetime, msgspec.Meta(tz=True)]


class _Item(msgspec.Struct, frozen=True):
    kind: Literal["session", "family", "user", "jti", "key", "api_key", "subject"]
    subject: str | None
    min_version: int | None = None
    recorded_at: _Time | None = None
    expires_at: _Time | None = None
    revision: int | None = None
    # In a snapshot an item has no position of its own.
    seq: int | None = None

    def read(self) -> Revocation | SubjectChange:
        if self.kind == "subject":
            return SubjectChange(self.subject, self.revision)
        return self.revocation()

    def revocation(self) -> Revocation:
        kind = None if self.kind == "subject" else RevocationKind(self.kind)
        if kind is None or self.subject is None or kind.is_of_versions != (self.min_version is not None):
            raise Unavailable("the issuer's feed has a revocation of nothing, or without the version it needs")
        if self.recorded_at is None or self.expires_at is None:
            raise Unavailable("the issuer's feed has a revocation without its times")
        return Revocation(kind, self.subject, self.min_version, self.recorded_at, self.expires_at)


class _Feed(msgspec.Struct, frozen=True):
    epoch: int
    seq: int
    reset: bool
    changes: tuple[_Item, ...]
    next: str | None = None


class IssuerFeed:
    """``RevocationFeed`` over a long poll: on the internal port for the api, on the public one for other verifiers."""

    def __init__(self, client: IssuerClient, path: str) -> None:
        self._client = client
        self._path = path

    async def snapshot(self, now: datetime, page: str | None = None) -> FeedSnapshot:
        """Return the revocations that have not expired at ``now``, page by page. Raises ``Unavailable``."""
        params = None if page is None else {"page": page}
        feed = (await self._client.get(self._path, params=params)).read_as(_Feed)
        if not feed.reset:
            raise Unavailable("the issuer's feed answered with increments where a snapshot was asked for")
        revocations = (item.revocation() for item in feed.changes)
        return FeedSnapshot(
            FeedPosition(feed.epoch, feed.seq),
            tuple(revocation for revocation in revocations if revocation.expires_at > now),
            feed.next,
        )

    async def changes_since(self, position: FeedPosition, wait_seconds: float) -> tuple[FeedChange, ...]:
        """Return the changes after ``position`` in order, waiting up to ``wait_seconds`` for the first one.

        Raises ``FeedGap`` when the issuer starts anew or a change is missing, and ``Unavailable``.
        """
        wait = min(wait_seconds, LONG_POLL_SECONDS)
        params = {"epoch": str(position.epoch), "seq": str(position.seq), "wait": f"{wait:.3f}"}
        answer = await self._client.get(self._path, params=params, deadline_seconds=DEADLINE_SECONDS + wait)
        feed = answer.read_as(_Feed)
        if feed.reset or feed.epoch != position.epoch:
            raise FeedGap
        # A missing change would leave something unrevoked for good, so the sequence is checked, not believed.
        seqs = [item.seq for item in feed.changes]
        follow = range(position.seq + 1, position.seq + 1 + len(seqs))
        if seqs != list(follow) or feed.seq != position.seq + len(seqs):
            raise FeedGap
        return tuple(
            FeedChange(FeedPosition(feed.epoch, seq), item.read())
            for seq, item in zip(follow, feed.changes, strict=True)
        )
