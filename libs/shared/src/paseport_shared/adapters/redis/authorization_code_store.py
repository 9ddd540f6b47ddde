"""Authorization codes in Redis."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec
from paseport.redis.access import RedisAccess
from paseport.redis.moments import microseconds, tidied_after
from paseport.redis.script import Command, Reply, Script

from paseport_shared.domain.errors import AlreadyExists
from paseport_shared.domain.models.authorization import (
    CODE_LIFETIME,
    CODE_REMEMBERED,
    AuthorizationCode,
    HeldCode,
    Redemption,
)

NAMESPACE: Final = "authorization_code"

_PUT: Final = Script("""
-- Answers 1 where the code was stored, 0 where its id is taken.
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'code', ARGV[1], 'uses', 0)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
""")

_REDEEM: Final = Script("""
-- Answers how often the code has been used with this time, 0 where there is none.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local uses = redis.call('HINCRBY', KEYS[1], 'uses', 1)
if uses == 1 then redis.call('HSET', KEYS[1], 'attempt', ARGV[1]) end
return uses
""")

_GIVE_BACK: Final = Script("""
-- Answers 1 where the code is unused again.
local held = redis.call('HMGET', KEYS[1], 'uses', 'attempt')
if held[1] ~= '1' or held[2] ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'uses', 0)
redis.call('HDEL', KEYS[1], 'attempt')
return 1
""")

_REMOVE: Final = Script("""
-- Answers what was removed.
local held = redis.call('HMGET', KEYS[1], 'code', 'uses')
redis.call('DEL', KEYS[1])
return held
""")

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(AuthorizationCode).decode


class RedisAuthorizationCodeStore:
    """``AuthorizationCodeStore``: one hash a code, with the number of its uses, and an index of each user's codes.

    A use is on a replica before it is answered: after a failover a code that was redeemed is still used up.
    ``remembered`` is how long a code is known after its end.
    """

    def __init__(
        self, access: RedisAccess, namespace: str = NAMESPACE, remembered: timedelta = CODE_REMEMBERED
    ) -> None:
        self._access = access
        self._namespace = namespace
        self._remembered = remembered

    async def put(self, code: AuthorizationCode) -> None:
        """Store a new code. Raises ``AlreadyExists`` for a known id."""
        kept = CODE_LIFETIME + self._remembered
        index = self._index(code.user_id)
        # The index first: there is no moment in which the code works and is not in it.
        *_, was_stored = await self._access.confirm(
            ("ZREMRANGEBYSCORE", index, "-inf", microseconds(code.expires_at - kept)),
            ("ZADD", index, microseconds(code.expires_at), code.id),
            ("PEXPIRE", index, tidied_after(kept)),
            _PUT([self._key(code.id)], _encode(code), tidied_after(kept)),
        )
        if not was_stored:
            raise AlreadyExists("code")

    async def find(self, code_id: str) -> HeldCode | None:
        """Return the code, used or not, while it is remembered, else None."""
        (fields,) = await self._access.send(self._read(code_id))
        return _held(fields)

    async def redeem(self, code_id: str, attempt: str) -> Redemption:
        """Use the code up in one atomic step: of concurrent callers exactly one gets REDEEMED."""
        (uses,) = await self._access.confirm(_REDEEM([self._key(code_id)], attempt))
        if uses == 0:
            return Redemption.GONE
        return Redemption.REDEEMED if uses == 1 else Redemption.REUSED

    async def give_back(self, code_id: str, attempt: str) -> None:
        """Make the code unused again if nobody but this attempt has used it."""
        await self._access.send(_GIVE_BACK([self._key(code_id)], attempt))

    async def list_for_client(self, user_id: UUID, client_id: str) -> tuple[HeldCode, ...]:
        """Return the codes that a client was given for a user, used or not, while they are remembered."""
        (members,) = await self._access.send(("ZRANGE", self._index(user_id), 0, -1))
        ids = [member.decode() for member in members]
        replies = await self._access.send(*(self._read(code_id) for code_id in ids)) if ids else []
        return tuple(
            held for held in _all_held(replies) if held.code.user_id == user_id and held.code.client_id == client_id
        )

    async def revoke_client(self, user_id: UUID, client_id: str) -> tuple[HeldCode, ...]:
        """Forget those codes and return them as they were then."""
        listed = await self.list_for_client(user_id, client_id)
        removals = [_REMOVE([self._key(held.code.id)]) for held in listed]
        # The index keeps their ids until it is tidied. Also with nothing to remove: an earlier attempt may have removed
        # it all and not been confirmed.
        return tuple(_all_held(await self._access.confirm(*removals)))

    def _key(self, code_id: str) -> str:
        return f"{self._namespace}:by_id:{code_id}"

    def _index(self, user_id: UUID) -> str:
        return f"{self._namespace}:by_uid:{user_id}"

    def _read(self, code_id: str) -> Command:
        return ("HMGET", self._key(code_id), "code", "uses")


def _held(fields: Reply) -> HeldCode | None:
    text, uses = fields
    return None if text is None else HeldCode(_decode(text), int(uses))


def _all_held(replies: Sequence[Reply]) -> list[HeldCode]:
    return [held for held in map(_held, replies) if held is not None]
