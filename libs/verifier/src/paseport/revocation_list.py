"""A verifier's own copy of the revocations in force."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from paseport.claims import Claims
from paseport.clock import Clock
from paseport.errors import InvalidToken, Unavailable
from paseport.revocation import (
    FeedChange,
    FeedPosition,
    FeedSnapshot,
    Revocation,
    RevocationKind,
)

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


class Listener(Protocol):
    """Whoever passes on what the copy hears (``RevocationRelay``)."""

    def heard(self, new: Sequence[Revocation]) -> None:
        """Take note: a feed answered just now, and ``new`` is what the copy did not know."""
        ...


class RevocationList:
    """Checked on every decision, filled by one follower (``FollowRevocations``). One event loop, no locks needed.

    It only ever grows: a revocation ends by expiring and in no other way. A feed that does not name one that another
    feed named has not heard of it yet, or has lost it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._listeners: list[Listener] = []
        self._revoked: dict[tuple[RevocationKind, str], Revocation] = {}
        self._position: FeedPosition | None = None
        self._heard_at: float | None = None

    @property
    def position(self) -> FeedPosition | None:
        """Where the copy stands in the feed; None before the first snapshot."""
        return self._position

    def listen(self, listener: Listener) -> None:
        """Tell ``listener`` from now on what is heard."""
        self._listeners.append(listener)

    def merge(self, snapshot: FeedSnapshot) -> None:
        """Take over a snapshot: what it names is revoked, besides what was."""
        self._position = snapshot.position
        self._heard(snapshot.revocations)

    def apply(self, changes: tuple[FeedChange, ...]) -> None:
        """Take over increments, none of them missing. An empty tuple is a heartbeat."""
        if changes:
            self._position = changes[-1].position
        self._heard([change.revocation for change in changes])

    def learn(self, revocation: Revocation) -> None:
        """Take over what this process revoked itself, before a feed brings it back. It says nothing of the feed."""
        if self._add(revocation):
            for listener in self._listeners:
                listener.heard((self._revoked[revocation.kind, revocation.subject],))

    def in_force(self, now: datetime) -> tuple[Revocation, ...]:
        """Return what has not expired at ``now``."""
        return tuple(revocation for revocation in self._revoked.values() if revocation.expires_at > now)

    def check(self, claims: Claims) -> None:
        """Return if nothing revokes these claims.

        Raises ``InvalidToken``, or ``Unavailable`` when the copy is too old to say (refuse, never guess).
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
                raise InvalidToken(f"{kind.value} is revoked")
        user = self._revoked.get((RevocationKind.USER, claims.subject))
        if user is not None and user.min_version is not None and (claims.user_version or 0) < user.min_version:
            raise InvalidToken("user version is revoked")

    def forget_expired(self, now: datetime) -> None:
        """Drop what can match no living token any more, so that memory stays bounded."""
        self._revoked = {key: value for key, value in self._revoked.items() if value.expires_at > now}

    def state(self) -> FeedState:
        """Return how current the copy is and what it holds."""
        age = None if self._heard_at is None else self._clock.monotonic() - self._heard_at
        return FeedState(self._position, age, Counter(kind for kind, _ in self._revoked))

    def _heard(self, revocations: Iterable[Revocation]) -> None:
        new = [
            self._revoked[revocation.kind, revocation.subject] for revocation in revocations if self._add(revocation)
        ]
        self._heard_at = self._clock.monotonic()
        for listener in self._listeners:
            listener.heard(new)

    def _add(self, revocation: Revocation) -> bool:
        key = (revocation.kind, revocation.subject)
        held = self._revoked.get(key)
        merged = revocation if held is None else stricter(held, revocation)
        self._revoked[key] = merged
        return merged != held


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
