"""The internal endpoints on the wire."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
from paseport.revocation import FeedSnapshot, Revocation, RevocationKind
from paseport.subject import SubjectState

from paseport_issuer.use_cases.read_feed import FeedChanges


class PrincipalRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose state is asked for."""

    subject: UUID


class PrincipalResponse(msgspec.Struct, frozen=True):
    """The state of a subject."""

    subject: UUID
    username: str
    roles: list[str]
    enabled: bool
    version: int
    revision: int

    @staticmethod
    def of(state: SubjectState) -> PrincipalResponse:
        """Return the answer for a state."""
        return PrincipalResponse(
            subject=state.user_id,
            username=state.username,
            roles=sorted(state.roles),
            enabled=state.enabled,
            version=state.version,
            revision=state.revision,
        )


class FeedItem(msgspec.Struct, frozen=True):
    """One revocation; ``seq`` is its place in the feed, null in a snapshot."""

    kind: RevocationKind
    subject: str
    min_version: int | None
    recorded_at: datetime
    expires_at: datetime
    seq: int | None

    @staticmethod
    def of(revocation: Revocation, seq: int | None = None) -> FeedItem:
        """Return the item for a revocation."""
        return FeedItem(
            kind=revocation.kind,
            subject=revocation.subject,
            min_version=revocation.min_version,
            recorded_at=revocation.recorded_at,
            expires_at=revocation.expires_at,
            seq=seq,
        )


class FeedResponse(msgspec.Struct, frozen=True):
    """Increments up to ``(epoch, seq)``, or, with ``reset``, everything in force there."""

    epoch: int
    seq: int
    reset: bool
    revocations: list[FeedItem]

    @staticmethod
    def of(feed: FeedSnapshot | FeedChanges) -> FeedResponse:
        """Return the answer."""
        if isinstance(feed, FeedSnapshot):
            items = [FeedItem.of(revocation) for revocation in feed.revocations]
        else:
            items = [FeedItem.of(change.revocation, change.position.seq) for change in feed.changes]
        return FeedResponse(feed.position.epoch, feed.position.seq, isinstance(feed, FeedSnapshot), items)
