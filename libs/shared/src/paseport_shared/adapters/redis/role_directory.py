"""Live roles in Redis."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec

from paseport_shared.adapters.redis.access import RedisAccess
from paseport_shared.adapters.redis.script import Script
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.principal import SubjectState

NAMESPACE: Final = "role"

_PUT: Final = Script("""
-- A late writer never brings an older state back. Revisions count changes of one user: they stay below 2^53, up to
-- which Lua's numbers are exact.
local held = redis.call('HGET', KEYS[1], 'revision')
if held and tonumber(held) >= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'revision', ARGV[1], 'state', ARGV[2])
if ARGV[3] ~= '0' then redis.call('PEXPIRE', KEYS[1], ARGV[3]) else redis.call('PERSIST', KEYS[1]) end
return 1
""")


class _State(msgspec.Struct, frozen=True):
    username: str
    roles: tuple[str, ...]
    enabled: bool
    version: int
    revision: int


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_State).decode


class RedisRoleDirectory:
    """``RoleDirectory``: one hash a subject, deleted ones too, and a marker that none is missing.

    Entries stay for ever unless ``keep_for`` says otherwise (``REDIS_ROLE_TTL``); then one may be missing at any time,
    and the directory is never complete.

    A verifier beside a primary that the cluster has left reads old roles there. Where the reader of the revocation feed
    found that out, the directory is not read either: others know better (P3).
    """

    def __init__(self, access: RedisAccess, *, keep_for: timedelta = timedelta(0), namespace: str = NAMESPACE) -> None:
        self._access = access
        self._keep_milliseconds = keep_for // timedelta(milliseconds=1)
        self._namespace = namespace

    async def find(self, user_id: UUID) -> SubjectState | None:
        """Return the subject's state, or None where the directory has no entry."""
        if self._access.is_disputed:
            raise Unavailable("no majority of the Sentinels stands behind this directory")
        (held,) = await self._access.send(("HGET", self._key(user_id), "state"))
        if held is None:
            return None
        state = _decode(held)
        return SubjectState(
            user_id, state.username, frozenset(state.roles), state.enabled, state.version, state.revision
        )

    async def is_complete(self) -> bool:
        """Say whether a miss is final."""
        (count,) = await self._access.send(("EXISTS", self._marker))
        return bool(count) and not self._keep_milliseconds

    async def put(self, state: SubjectState) -> bool:
        """Store a state unless the one held has the same or a newer ``revision``; say whether it was stored."""
        entry = _State(state.username, tuple(sorted(state.roles)), state.enabled, state.version, state.revision)
        # Confirmed also where nothing was stored: what is held may be from an attempt that was not.
        (stored,) = await self._access.confirm(
            _PUT([self._key(state.user_id)], state.revision, _encode(entry), self._keep_milliseconds)
        )
        return bool(stored)

    async def mark_complete(self) -> None:
        """Declare that every subject of the record has an entry."""
        await self._access.confirm(("SET", self._marker, 1))

    @property
    def _marker(self) -> str:
        return f"{self._namespace}:complete"

    def _key(self, user_id: UUID) -> str:
        return f"{self._namespace}:{user_id}"
