"""Revocations, and the feed that carries them to every verifier."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime


class RevocationKind(enum.Enum):
    """What a revocation names."""

    SESSION = "session"
    FAMILY = "family"
    USER = "user"
    TOKEN = "jti"
    KEY = "key"
    API_KEY = "api_key"

    @property
    def is_of_versions(self) -> bool:
        """Whether it refuses what is older than a version, and not all there is."""
        return self in (RevocationKind.USER, RevocationKind.API_KEY)


@dataclass(frozen=True, slots=True)
class Revocation:
    """Refuse every access token that matches, until ``expires_at`` (then none can be left alive).

    ``subject`` is the ``sid``, ``fid``, ``sub``, ``jti`` or ``kid``, or the id of an API key. For USER, tokens whose
    ``ver`` is below ``min_version`` are refused; for API_KEY, what is known of the key from a ``revision`` below it
    does not count any more. For the other kinds ``min_version`` is None.
    """

    kind: RevocationKind
    subject: str
    min_version: int | None
    recorded_at: datetime
    expires_at: datetime

    def __post_init__(self) -> None:
        """Refuse a revocation that would revoke nothing: ValueError."""
        if self.kind.is_of_versions != (self.min_version is not None):
            message = "min_version belongs to USER and API_KEY revocations, and to them always"
            raise ValueError(message)


@dataclass(frozen=True, slots=True, order=True)
class FeedPosition:
    """Where a reader stands: ``epoch`` changes with each new primary (or start), ``seq`` grows by one a change."""

    epoch: int
    seq: int


@dataclass(frozen=True, slots=True)
class SubjectChange:
    """Somebody's roles or state changed: whoever keeps a copy asks again. Without ``subject`` it may be anybody's."""

    subject: str | None = None
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class FeedSnapshot:
    """Revocations in force, and the position from which increments follow.

    With ``next`` it is one page: the others are to be had with it, and the increments follow from the first page's
    position. What is revoked while the pages are read is among those increments.
    """

    position: FeedPosition
    revocations: tuple[Revocation, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class FeedChange:
    """One increment: the position it leads to and what happened."""

    position: FeedPosition
    what: Revocation | SubjectChange
