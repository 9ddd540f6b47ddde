"""Authorization codes in Redis."""

from __future__ import annotations

from typing import Final

import msgspec
from paseport.redis.access import RedisAccess
from paseport.redis.moments import tidied_after
from paseport.redis.script import Script

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
return redis.call('HINCRBY', KEYS[1], 'uses', 1)
""")

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(AuthorizationCode).decode


class RedisAuthorizationCodeStore:
    """``AuthorizationCodeStore``: one hash a code, with the number of its uses.

    A use is on a replica before it is answered: after a failover a code that was redeemed is still used up.
    """

    def __init__(self, access: RedisAccess, namespace: str = NAMESPACE) -> None:
        self._access = access
        self._namespace = namespace

    async def put(self, code: AuthorizationCode) -> None:
        """Store a new code. Raises ``AlreadyExists`` for a known id."""
        remembered = tidied_after(CODE_LIFETIME + CODE_REMEMBERED)
        (was_stored,) = await self._access.confirm(_PUT([self._key(code.id)], _encode(code), remembered))
        if not was_stored:
            raise AlreadyExists("code")

    async def find(self, code_id: str) -> HeldCode | None:
        """Return the code, used or not, while it is remembered, else None."""
        ((text, uses),) = await self._access.send(("HMGET", self._key(code_id), "code", "uses"))
        return None if text is None else HeldCode(_decode(text), int(uses))

    async def redeem(self, code_id: str) -> Redemption:
        """Use the code up in one atomic step: of concurrent callers exactly one gets REDEEMED."""
        (uses,) = await self._access.confirm(_REDEEM([self._key(code_id)]))
        if uses == 0:
            return Redemption.GONE
        return Redemption.REDEEMED if uses == 1 else Redemption.REUSED

    def _key(self, code_id: str) -> str:
        return f"{self._namespace}:by_id:{code_id}"
