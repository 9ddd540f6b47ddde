"""Live roles in Redis, as the issuer writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from paseport.redis.script import Script, ScriptCall
from paseport.redis.subject_directory import RedisSubjectDirectory, encode_state
from paseport.subject import SubjectState

_PUT: Final = Script("""
-- A late writer never brings an older state back. Revisions count changes of one user: they stay below 2^53, up to
-- which Lua's numbers are exact.
local held = redis.call('HGET', KEYS[1], 'revision')
if held and tonumber(held) >= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'revision', ARGV[1], 'state', ARGV[2])
if ARGV[3] ~= '0' then redis.call('PEXPIRE', KEYS[1], ARGV[3]) else redis.call('PERSIST', KEYS[1]) end
return 1
""")


class RedisRoleDirectory(RedisSubjectDirectory):
    """``RoleDirectory``: what verifiers read, and the writing of it."""

    async def put(self, state: SubjectState) -> bool:
        """Store a state unless the one held has the same or a newer ``revision``; say whether it was stored."""
        # Confirmed also where nothing was stored: what is held may be from an attempt that was not.
        (stored,) = await self._access.confirm(self._put(state))
        return bool(stored)

    async def put_all(self, states: Sequence[SubjectState]) -> None:
        """Store those that are newer than what is held."""
        await self._access.confirm_in_steps([self._put(state) for state in states])

    async def mark_complete(self) -> None:
        """Declare that every subject of the record has an entry."""
        await self._access.confirm(("SET", self._marker, 1))

    def _put(self, state: SubjectState) -> ScriptCall:
        return _PUT([self._key(state.user_id)], state.revision, encode_state(state), self._keep_milliseconds)
