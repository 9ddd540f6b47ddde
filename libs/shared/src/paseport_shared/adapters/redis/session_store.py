"""Sessions in Redis."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from paseport.redis.access import RedisAccess
from paseport.redis.moments import microseconds, moment, span, tidied_after
from paseport.redis.script import Command, Reply, Script
from paseport.v4_public import pre_auth_encode

from paseport_shared.domain.errors import AlreadyExists, Unavailable
from paseport_shared.domain.models.linked_identity import UpstreamSession
from paseport_shared.domain.models.session import Session, SessionPolicy

NAMESPACE: Final = "session"
_FIELDS: Final = ("created", "last_seen_at")

_CREATE: Final = Script("""
-- Answers the user who holds this id already, else stores the session and answers nothing.
local holder = redis.call('HGET', KEYS[1], 'user_id')
if holder then return holder end
redis.call('HSET', KEYS[1],
  'user_id', ARGV[1], 'created', ARGV[2], 'last_seen_at', ARGV[3], 'expires_at', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return false
""")

_TOUCH: Final = Script("""
-- Session.is_live, then max(last_seen_at, now): what has ended stays ended, and time does not go back.
local held = redis.call('HMGET', KEYS[1], 'last_seen_at', 'expires_at')
if not held[1] then return 0 end
local now, seen, ends, idle = tonumber(ARGV[1]), tonumber(held[1]), tonumber(held[2]), tonumber(ARGV[2])
if now >= ends or now - seen >= idle then return 0 end
if now > seen then
  redis.call('HSET', KEYS[1], 'last_seen_at', ARGV[1])
  redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.floor(math.min(idle, ends - now) / 1000) + 60000))
end
return 1
""")

_REMOVE: Final = Script("""
-- Answers what was removed; where a user is given, only a session of that user is.
local held = redis.call('HMGET', KEYS[1], 'created', 'last_seen_at', 'user_id')
if not held[1] or (ARGV[1] and held[3] ~= ARGV[1]) then return false end
redis.call('DEL', KEYS[1])
return held
""")


class _Created(msgspec.Struct, frozen=True):
    """What never changes about a session, as it is kept in one field.

    Sessions outlive the version that created them: what was added later has a default.
    """

    id: str
    secret_hash: bytes
    user_id: UUID
    created_at: datetime
    auth_time: datetime
    expires_at: datetime
    amr: tuple[str, ...]
    user_agent: str | None
    address: str | None
    upstream: UpstreamSession | None = None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Created).decode


class RedisSessionStore:
    """``SessionStore``: one hash a session, beside it an index of each user's sessions and of each upstream session's.

    Creating and ending are on a replica before they are answered; when a session was last seen is not.
    """

    def __init__(self, access: RedisAccess, policy: SessionPolicy, namespace: str = NAMESPACE) -> None:
        self._access = access
        self._policy = policy
        self._namespace = namespace

    async def create(self, session: Session) -> None:
        """Store a new session. Raises ``AlreadyExists`` for a known id."""
        # The index first: "sign out everywhere" works through it, so no session may live that it does not name.
        index = self._index(session.user_id)
        created = _Created(
            session.id,
            session.secret_hash,
            session.user_id,
            session.created_at,
            session.auth_time,
            session.expires_at,
            session.amr,
            session.user_agent,
            session.address,
            session.upstream,
        )
        upstream = self._upstream_index(session)
        *_, holder = await self._access.confirm(
            ("ZREMRANGEBYSCORE", index, "-inf", microseconds(session.created_at - self._policy.max_lifetime)),
            ("ZADD", index, microseconds(session.created_at), session.id),
            ("PEXPIRE", index, tidied_after(self._policy.max_lifetime)),
            *(() if upstream is None else _listing(upstream, session)),
            _CREATE(
                [self._key(session.id)],
                str(session.user_id),
                _encode(created),
                microseconds(session.last_seen_at),
                microseconds(session.expires_at),
                tidied_after(min(self._policy.idle, session.expires_at - session.created_at)),
            ),
        )
        if holder is not None:
            if holder.decode() != str(session.user_id):
                await self._access.send(("ZREM", index, session.id))
            raise AlreadyExists("session")

    async def find(self, session_id: str, now: datetime) -> Session | None:
        """Return the session while it is live, else None."""
        (fields,) = await self._access.send(self._read(session_id))
        session = _session(fields)
        return session if session is not None and session.is_live(now, self._policy) else None

    async def touch(self, session_id: str, now: datetime) -> bool:
        """Note that a live session was used; False, and nothing stored, where it is not live any more."""
        touch = _TOUCH([self._key(session_id)], microseconds(now), span(self._policy.idle))
        (is_live,) = await self._access.send(touch)
        return bool(is_live)

    async def end(self, session_id: str) -> Session | None:
        """Remove the session and return it, or None where there was none."""
        (fields,) = await self._access.confirm(_REMOVE([self._key(session_id)]))
        session = _session(fields)
        if session is not None:
            # It has ended already; what is left of the index names nothing.
            with suppress(Unavailable):
                await self._access.send(("ZREM", self._index(session.user_id), session_id), *self._unlisting([session]))
        return session

    async def list_for_user(self, user_id: UUID, now: datetime) -> tuple[Session, ...]:
        """Return the user's live sessions, the most recently used first."""
        listed = await self._live(self._index(user_id), now)
        return tuple(session for session in listed if session.user_id == user_id)

    async def list_for_upstream(self, namespace: str, session_id: str, now: datetime) -> tuple[Session, ...]:
        """Return the live sessions that came out of this session at a provider, the most recently used first."""
        index = self._index_of_upstream(namespace, session_id)
        listed = await self._live(index, now)
        # An id that was refused because somebody has it may be in the index of another.
        return tuple(session for session in listed if self._upstream_index(session) == index)

    async def end_all(self, user_id: UUID) -> tuple[Session, ...]:
        """Remove all of the user's sessions and return them."""
        ids = await self._listed(self._index(user_id))
        removals = [_REMOVE([self._key(session_id)], str(user_id)) for session_id in ids]
        unlisting = [("ZREM", self._index(user_id), *ids)] if ids else []
        # Also with nothing to remove: an earlier attempt may have removed it all and not been confirmed.
        replies = await self._access.confirm(*removals, *unlisting)
        removed = tuple(_sessions(replies[: len(removals)]))
        if left := list(self._unlisting(removed)):
            with suppress(Unavailable):
                await self._access.send(*left)
        return removed

    async def _listed(self, index: str) -> Sequence[str]:
        (members,) = await self._access.send(("ZRANGE", index, 0, -1))
        return [member.decode() for member in members]

    async def _live(self, index: str, now: datetime) -> list[Session]:
        """Return the live sessions that an index names, whosever they are, the most recently used first."""
        ids = await self._listed(index)
        replies = await self._access.send(*(self._read(session_id) for session_id in ids)) if ids else []
        live = [session for session in _sessions(replies) if session.is_live(now, self._policy)]
        return sorted(live, key=lambda session: session.last_seen_at, reverse=True)

    def _key(self, session_id: str) -> str:
        return f"{self._namespace}:by_id:{session_id}"

    def _index(self, user_id: UUID) -> str:
        return f"{self._namespace}:by_uid:{user_id}"

    def _index_of_upstream(self, namespace: str, session_id: str) -> str:
        # Hashed: both are the provider's words, of any length and with any character.
        named = pre_auth_encode(*(text.encode("utf-8", "surrogatepass") for text in (namespace, session_id)))
        return f"{self._namespace}:by_upstream:{hashlib.sha256(named).hexdigest()}"

    def _upstream_index(self, session: Session) -> str | None:
        """Return the index by which the provider's session finds this one, None where it has no name."""
        if session.upstream is None or session.upstream.session_id is None:
            return None
        return self._index_of_upstream(session.upstream.namespace, session.upstream.session_id)

    def _unlisting(self, ended: Iterable[Session]) -> Iterable[Command]:
        for session in ended:
            if (index := self._upstream_index(session)) is not None:
                yield ("ZREM", index, session.id)

    def _read(self, session_id: str) -> Command:
        return ("HMGET", self._key(session_id), *_FIELDS)


def _session(fields: Reply) -> Session | None:
    """Return the session that ``_FIELDS`` describe, or None where there is none."""
    if fields is None or fields[0] is None:
        return None
    created = _decode(fields[0])
    return Session(
        id=created.id,
        secret_hash=created.secret_hash,
        user_id=created.user_id,
        created_at=created.created_at,
        auth_time=created.auth_time,
        last_seen_at=moment(int(fields[1])),
        expires_at=created.expires_at,
        amr=created.amr,
        user_agent=created.user_agent,
        address=created.address,
        upstream=created.upstream,
    )


def _sessions(replies: Iterable[Reply]) -> Iterable[Session]:
    return (session for session in map(_session, replies) if session is not None)


def _listing(index: str, session: Session) -> Sequence[Command]:
    """Return what puts a session into an index that lives as long as the longest session in it."""
    life = tidied_after(session.expires_at - session.created_at)
    return (
        ("ZREMRANGEBYSCORE", index, "-inf", microseconds(session.created_at)),
        ("ZADD", index, microseconds(session.expires_at), session.id),
        # The first one sets the end of the index, others only move it back.
        ("PEXPIRE", index, life, "NX"),
        ("PEXPIRE", index, life, "GT"),
    )
