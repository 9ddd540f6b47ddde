"""The internal endpoints on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from paseport.revocation import FeedSnapshot, Revocation, SubjectChange
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


class InternalPrincipalResponse(PrincipalResponse, frozen=True, kw_only=True):
    """The same for the api, which tells services behind a proxy whom they serve."""

    email: str
    name: str

    @staticmethod
    def of(state: SubjectState) -> InternalPrincipalResponse:
        """Return the answer for a state."""
        return InternalPrincipalResponse(
            subject=state.user_id,
            username=state.username,
            roles=sorted(state.roles),
            enabled=state.enabled,
            version=state.version,
            revision=state.revision,
            email=state.email,
            name=state.name,
        )


class FeedItem(msgspec.Struct, frozen=True):
    """One change: a revocation, or a subject whose copies are old (null: everybody's).

    ``seq`` is its place in the feed, null in a snapshot.
    """

    kind: Literal["session", "family", "user", "jti", "key", "api_key", "subject"]
    subject: str | None
    min_version: int | None = None
    recorded_at: datetime | None = None
    expires_at: datetime | None = None
    revision: int | None = None
    seq: int | None = None

    @staticmethod
    def of(what: Revocation | SubjectChange, seq: int | None = None) -> FeedItem:
        """Return the item for a change."""
        if isinstance(what, SubjectChange):
            return FeedItem("subject", what.subject, revision=what.revision, seq=seq)
        return FeedItem(what.kind.value, what.subject, what.min_version, what.recorded_at, what.expires_at, seq=seq)


class FeedResponse(msgspec.Struct, frozen=True):
    """Increments up to ``(epoch, seq)``; with ``reset``, a page of what is in force, and the name of the ``next``."""

    epoch: int
    seq: int
    reset: bool
    changes: list[FeedItem]
    next: str | None = None

    @staticmethod
    def of(feed: FeedSnapshot | FeedChanges) -> FeedResponse:
        """Return the answer."""
        position = feed.position
        if isinstance(feed, FeedSnapshot):
            items = [FeedItem.of(revocation) for revocation in feed.revocations]
            return FeedResponse(position.epoch, position.seq, reset=True, changes=items, next=feed.next)
        items = [FeedItem.of(change.what, change.position.seq) for change in feed.changes]
        return FeedResponse(position.epoch, position.seq, reset=False, changes=items)
