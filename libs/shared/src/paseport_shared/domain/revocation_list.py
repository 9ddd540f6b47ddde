"""A verifier's own copy of the revocations in force."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from paseport_shared.domain.errors import InvalidAccessToken, Unavailable
from paseport_shared.domain.models.claims import Claims
from paseport_shared.domain.models.revocation import (
    FeedChange,
    FeedPosition,
    FeedSnapshot,
    Revocation,
    RevocationKind,
)
from paseport_shared.domain.ports.clock import Clock

STALE_AFTER_SECONDS: Final = 5.0
"""Without an answer from the feed for so long, a verifier refuses (design §5)."""
_FRESH_SECONDS: Final = 1.5


@dataclass(frozen=True, slots=True)
class FeedState:
    """How current the copy is. ``age_seconds`` counts from the last answer of the feed; None before the first."""

    position: FeedPosition | None
    age_seconds: float | None
    in_force: Mapping[RevocationKind, int]

    @property
    def is_fresh(self) -> bool:
        """Whether the feed answered within the last 1.5 s."""
        return self.age_seconds is not None and self.age_seconds <= _FRESH_SECONDS


class RevocationList:
    """Checked on every decision, filled by one follower (``FollowRevocations``). One event loop, no locks needed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._revoked: dict[tuple[RevocationKind, str], Revocation] = {}
        self._position: FeedPosition | None = None
        self._heard_at: float | None = None

    @property
    def position(self) -> FeedPosition | None:
        """Where the copy stands in the feed; None before the first snapshot."""
        return self._position

    def replace(self, snapshot: FeedSnapshot) -> None:
        """Take over a snapshot: what it does not name is not revoked any more."""
        self._revoked = {}
        for revocation in snapshot.revocations:
            self._add(revocation)
        self._position = snapshot.position
        self._heard_at = self._clock.monotonic()

    def apply(self, changes: tuple[FeedChange, ...]) -> None:
        """Take over increments, none of them missing. An empty tuple is a heartbeat."""
        for change in changes:
            self._add(change.revocation)
            self._position = change.position
        self._heard_at = self._clock.monotonic()

    def check(self, claims: Claims) -> None:
        """Return if nothing revokes these claims.

        Raises ``InvalidAccessToken``, or ``Unavailable`` when the copy is too old to say (refuse, never guess).
        """
        if self._heard_at is None or self._clock.monotonic() - self._heard_at > STALE_AFTER_SECONDS:
            raise Unavailable("the revocation feed is stale")
        for kind, subject in (
            (RevocationKind.TOKEN, claims.token_id),
            (RevocationKind.FAMILY, claims.family_id),
            (RevocationKind.SESSION, claims.session_id),
            (RevocationKind.KEY, claims.key_id),
        ):
            if subject is not None and (kind, subject) in self._revoked:
                raise InvalidAccessToken(f"{kind.value} is revoked")
        user = self._revoked.get((RevocationKind.USER, claims.subject))
        if user is not None and user.min_version is not None and (claims.user_version or 0) < user.min_version:
            raise InvalidAccessToken("user version is revoked")

    def forget_expired(self, now: datetime) -> None:
        """Drop what can match no living token any more, so that memory stays bounded."""
        self._revoked = {key: value for key, value in self._revoked.items() if value.expires_at > now}

    def state(self) -> FeedState:
        """Return how current the copy is and what it holds."""
        age = None if self._heard_at is None else self._clock.monotonic() - self._heard_at
        return FeedState(self._position, age, Counter(kind for kind, _ in self._revoked))

    def _add(self, revocation: Revocation) -> None:
        key = (revocation.kind, revocation.subject)
        held = self._revoked.get(key)
        self._revoked[key] = revocation if held is None else stricter(held, revocation)


def stricter(held: Revocation, other: Revocation) -> Revocation:
    """Return the union of two revocations of one thing: the higher minimum version, the later end."""
    versions = [version for version in (held.min_version, other.min_version) if version is not None]
    return Revocation(
        held.kind,
        held.subject,
        max(versions, default=None),
        held.recorded_at,
        max(held.expires_at, other.expires_at),
    )
