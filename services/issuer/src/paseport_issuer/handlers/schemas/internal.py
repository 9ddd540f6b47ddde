"""The internal endpoints on the wire."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from paseport.revocation import FeedSnapshot, Revocation, SubjectChange
from paseport.subject import SubjectState
from paseport_shared.domain.errors import InvalidRequest
from paseport_shared.domain.models.api_key import ApiKey
from paseport_shared.domain.models.edge_session import HandoverTicket

from paseport_issuer.use_cases.read_feed import FeedChanges
from paseport_issuer.use_cases.resolve_api_key import ResolveApiKey

_Text = Annotated[str, msgspec.Meta(max_length=320)]


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


class ApiKeyRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which key is asked for: by its id, or one of another system by its digest."""

    id: _Text | None = None
    legacy_digest: _Text | None = None

    def asked(self, keys: ResolveApiKey) -> tuple[Callable[[str], Awaitable[ApiKey | None]], str]:
        """Return the question, and the name to ask for. Raises ``InvalidRequest`` for both names, or none."""
        if self.id is not None and self.legacy_digest is None:
            return keys.find, self.id
        if self.legacy_digest is not None and self.id is None:
            return keys.find_legacy, self.legacy_digest
        raise InvalidRequest("either an id or a digest")


class HandoverRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ticket, the host that it was brought to, and the SHA-256 (hex) of what binds it to the browser."""

    ticket: _Text
    host: _Text
    binding: _Text


class HandoverResponse(msgspec.Struct, frozen=True):
    """The session that a ticket stood for."""

    session_id: str
    user_id: UUID
    user_version: int

    @staticmethod
    def of(ticket: HandoverTicket) -> HandoverResponse:
        """Return the answer for a ticket."""
        return HandoverResponse(ticket.session_id, ticket.user_id, ticket.user_version)


class SessionUseRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which session was in use."""

    session_id: _Text


class UsernameRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which user name is asked for."""

    username: _Text


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
