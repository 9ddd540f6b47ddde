"""A verifier's own copy of the revocations in force."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from paseport.claims import Claims
from paseport.clock import Clock
from paseport.errors import InvalidToken, Unavailable
from paseport.revocation import FeedChange, FeedPosition, FeedSnapshot, Revocation, RevocationKind, SubjectChange

STALE_AFTER_SECONDS: Final = 5.0
"""Without an answer from the feed for so long, a verifier refuses (design §5)."""
_FRESH_SECONDS: Final = 1.5
_SHARDS: Final = 16
"""Of each kind. What has expired is dropped from one after the other, so that nobody waits for a look through all."""
_COMPLAIN_EVERY_SECONDS: Final = 10.0

_log = logging.getLogger(__name__)


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


class Listener:
    """Whoever wants to know what the copy hears overrides what matters to it."""

    def heard(self, new: Sequence[Revocation | SubjectChange]) -> None:
        """Take note of what the copy did not know: from a feed, or because this process did it itself."""

    def followed(self, changes: tuple[FeedChange, ...]) -> None:
        """Take note that a feed answered with these increments, none of them missing; with none of them often."""

    def lost_track(self) -> None:
        """Take note that a snapshot was read: any subject may have changed meanwhile without being named."""


@dataclass(frozen=True, slots=True)
class _Terms:
    """What is kept beside the name of something revoked: one object for all that share it, in whole seconds."""

    min_version: int | None
    recorded_at: int
    expires_at: int


_Shards = tuple[dict[str, _Terms], ...]


class RevocationList:
    """Checked on every decision, filled by one follower (``FollowRevocations``). One event loop, no locks needed.

    It only ever grows: a revocation ends by expiring and in no other way. A feed that does not name one that another
    feed named has not heard of it yet, or has lost it. A million revocations fit into some 120 MiB.

    A copy that is older than five seconds refuses everybody. With ``trust_stale`` it lets pass what it does not know to
    be revoked, and complains in the log; it never does so before it heard of the feed for the first time.
    """

    def __init__(self, clock: Clock, *, trust_stale: bool = False) -> None:
        self._clock = clock
        self._trust_stale = trust_stale
        self._complain_at = 0.0
        self._listeners: list[Listener] = []
        self._revoked: dict[RevocationKind, _Shards] = {
            kind: tuple({} for _ in range(_SHARDS)) for kind in RevocationKind
        }
        self._terms: dict[_Terms, _Terms] = {}
        self._swept = 0
        self.revision = 0
        """Grows with everything that is heard and was not known: what was judged before may be old."""
        self._position: FeedPosition | None = None
        self._heard_at: float | None = None
        # Looked up on each decision: a kind's name costs as much as the look itself.
        self._tokens = self._revoked[RevocationKind.TOKEN]
        self._families = self._revoked[RevocationKind.FAMILY]
        self._sessions = self._revoked[RevocationKind.SESSION]
        self._keys = self._revoked[RevocationKind.KEY]
        self._users = self._revoked[RevocationKind.USER]
        self._api_keys = self._revoked[RevocationKind.API_KEY]

    @property
    def position(self) -> FeedPosition | None:
        """Where the copy stands in the feed; None before the first snapshot."""
        return self._position

    @property
    def stale_after(self) -> float:
        """Until when it is fresh, in monotonic seconds, should nothing be heard any more."""
        return -math.inf if self._heard_at is None else self._heard_at + STALE_AFTER_SECONDS

    @property
    def is_stale(self) -> bool:
        """Whether no feed has answered for so long that nobody is let in (but see ``trust_stale``)."""
        return self._clock.monotonic() > self.stale_after

    def listen(self, listener: Listener) -> None:
        """Tell ``listener`` from now on what is heard."""
        self._listeners.append(listener)

    def merge(self, snapshot: FeedSnapshot) -> None:
        """Take over a snapshot, or its last page: what it names is revoked, besides what was."""
        self._position = snapshot.position
        new = self._take(snapshot.revocations)
        self.revision += 1
        self._heard_at = self._clock.monotonic()
        for listener in self._listeners:
            listener.lost_track()
            if new:
                listener.heard(new)

    def merge_page(self, snapshot: FeedSnapshot) -> None:
        """Take over a page that others follow: it is in force at once, and the copy is no fresher for it."""
        new = self._take(snapshot.revocations)
        for listener in self._listeners:
            if new:
                listener.heard(new)

    def apply(self, changes: tuple[FeedChange, ...]) -> None:
        """Take over increments, none of them missing. An empty tuple is a heartbeat."""
        if changes:
            self._position = changes[-1].position
        new = self._take(change.what for change in changes)
        self._heard_at = self._clock.monotonic()
        for listener in self._listeners:
            if new:
                listener.heard(new)
            listener.followed(changes)

    def learn(self, what: Revocation | SubjectChange) -> None:
        """Take over what this process did itself, before a feed brings it back. It says nothing of the feed."""
        new = self._take((what,))
        if new:
            for listener in self._listeners:
                listener.heard(new)

    def shards(self) -> int:
        """Return into how many parts ``in_force_in`` divides all that is in force."""
        return _SHARDS

    def in_force_in(self, shard: int, now: datetime) -> tuple[Revocation, ...]:
        """Return one part of what has not expired at ``now``."""
        return tuple(
            revocation
            for kind, shards in self._revoked.items()
            for revocation in _revocations(kind, shards[shard])
            if revocation.expires_at > now
        )

    def in_force(self, now: datetime) -> tuple[Revocation, ...]:
        """Return what has not expired at ``now``."""
        return tuple(revocation for shard in range(_SHARDS) for revocation in self.in_force_in(shard, now))

    def check(self, claims: Claims) -> None:
        """Return if nothing revokes these claims.

        Raises ``InvalidToken``, or ``Unavailable`` when the copy is too old to say (refuse, never guess).
        """
        if self.is_stale:
            self._let_pass_or_refuse()
        # Written out, because every decision passes here: calls would cost more than the looks.
        subject = claims.token_id
        if subject in self._tokens[ord(subject[-1]) % _SHARDS]:
            raise InvalidToken("jti is revoked")
        family_id, session_id, key_id = claims.family_id, claims.session_id, claims.key_id
        if family_id and family_id in self._families[ord(family_id[-1]) % _SHARDS]:
            raise InvalidToken("family is revoked")
        if session_id and session_id in self._sessions[ord(session_id[-1]) % _SHARDS]:
            raise InvalidToken("session is revoked")
        if key_id and key_id in self._keys[ord(key_id[-1]) % _SHARDS]:
            raise InvalidToken("key is revoked")
        subject = claims.subject
        user = self._users[ord(subject[-1]) % _SHARDS].get(subject)
        if user is not None and user.min_version is not None and (claims.user_version or 0) < user.min_version:
            raise InvalidToken("user version is revoked")

    def check_session(self, session_id: str, subject: str, user_version: int) -> None:
        """Return if nothing revokes a session of a user, who had this version when it was looked up.

        Raises as ``check`` does.
        """
        if self.is_stale:
            self._let_pass_or_refuse()
        if session_id in self._sessions[_shard_of(session_id)]:
            raise InvalidToken("session is revoked")
        if not self.is_current_user(subject, user_version):
            raise InvalidToken("user version is revoked")

    def is_current_user(self, subject: str, version: int) -> bool:
        """Say whether what is known of a user, from when they had this version, still counts."""
        user = self._users[_shard_of(subject)].get(subject)
        return user is None or user.min_version is None or version >= user.min_version

    def is_current(self, key_id: str, revision: int) -> bool:
        """Say whether what is known of an API key, from this revision of it, still counts.

        Raises ``Unavailable`` when the copy is too old to say.
        """
        if self.is_stale:
            self._let_pass_or_refuse()
        terms = self._api_keys[ord(key_id[-1]) % _SHARDS].get(key_id)
        return terms is None or terms.min_version is None or revision >= terms.min_version

    def forget_expired(self, now: datetime) -> None:
        """Drop a part of what can match no living token any more; sixteen calls look at all there is."""
        number, self._swept = self._swept, (self._swept + 1) % _SHARDS
        second = now.timestamp()
        for shards in self._revoked.values():
            expired = [subject for subject, terms in shards[number].items() if terms.expires_at <= second]
            for subject in expired:
                del shards[number][subject]
        if number == 0:
            self._terms = {terms: terms for terms in self._terms if terms.expires_at > second}

    def state(self) -> FeedState:
        """Return how current the copy is and what it holds."""
        age = None if self._heard_at is None else self._clock.monotonic() - self._heard_at
        counts = {kind: sum(map(len, shards)) for kind, shards in self._revoked.items()}
        return FeedState(self._position, age, {kind: count for kind, count in counts.items() if count})

    def _let_pass_or_refuse(self) -> None:
        if self._heard_at is None or not self._trust_stale:
            raise Unavailable("the revocation feed is stale")
        now = self._clock.monotonic()
        if now >= self._complain_at:
            self._complain_at = now + _COMPLAIN_EVERY_SECONDS
            _log.error(
                "no revocation feed was heard for %.0f s: tokens are accepted although they may be revoked "
                '(on_stale="allow")',
                now - self._heard_at,
            )

    def _take(self, news: Iterable[Revocation | SubjectChange]) -> list[Revocation | SubjectChange]:
        """Keep what is new and return it, as it is held now."""
        new: list[Revocation | SubjectChange] = []
        for what in news:
            if isinstance(what, SubjectChange):
                new.append(what)
            elif (held := self._add(what)) is not None:
                new.append(held)
        self.revision += len(new)
        return new

    def _add(self, revocation: Revocation) -> Revocation | None:
        shard = self._revoked[revocation.kind][_shard_of(revocation.subject)]
        known = shard.get(revocation.subject)
        terms = _terms(revocation)
        if known is not None:
            terms = _stricter(known, terms)
            if terms == known:
                return None
        shard[revocation.subject] = self._terms.setdefault(terms, terms)
        return _revocation(revocation.kind, revocation.subject, terms)


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


def _shard_of(subject: str) -> int:
    """Return the part that holds it, in every process the same: pages of one snapshot may come from several."""
    return ord(subject[-1]) % _SHARDS if subject else 0


def _terms(revocation: Revocation) -> _Terms:
    # Whole seconds, so that many share one object: a revocation may begin a little earlier and end a little later.
    expires_at = revocation.expires_at.timestamp()
    return _Terms(revocation.min_version, int(revocation.recorded_at.timestamp() // 1), -int(-expires_at // 1))


def _stricter(held: _Terms, other: _Terms) -> _Terms:
    versions = [version for version in (held.min_version, other.min_version) if version is not None]
    return _Terms(max(versions, default=None), held.recorded_at, max(held.expires_at, other.expires_at))


_1970: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _revocation(kind: RevocationKind, subject: str, terms: _Terms) -> Revocation:
    return Revocation(
        kind,
        subject,
        terms.min_version,
        _1970 + timedelta(seconds=terms.recorded_at),
        _1970 + timedelta(seconds=terms.expires_at),
    )


def _revocations(kind: RevocationKind, shard: Mapping[str, _Terms]) -> Iterator[Revocation]:
    return (_revocation(kind, subject, terms) for subject, terms in shard.items())
