"""Uses of API keys on their way to the record, in Redis."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Final

from paseport.redis.access import RedisAccess
from paseport.redis.moments import microseconds, moment
from paseport.redis.script import Script

from paseport_shared.domain.models.api_key import ApiKeyUse

NAMESPACE: Final = "api_key_use"
_BATCH: Final = 200

_ADD: Final = Script("""
-- Of each key: how often, and when for the last time, in microseconds. Both are sums and maxima of what nodes say.
for index = 1, #ARGV, 3 do
  local count, at = tonumber(ARGV[index + 1]), ARGV[index + 2]
  local held = redis.call('HGET', KEYS[1], ARGV[index])
  if held then
    local before, last = string.match(held, '^(%d+):(%d+)$')
    count = count + tonumber(before)
    if tonumber(last) > tonumber(at) then at = last end
  end
  redis.call('HSET', KEYS[1], ARGV[index], string.format('%.0f', count) .. ':' .. at)
end
return #ARGV / 3
""")

_TAKE: Final = Script("""
local held = redis.call('HRANDFIELD', KEYS[1], ARGV[1], 'WITHVALUES')
for index = 1, #held, 2 do redis.call('HDEL', KEYS[1], held[index]) end
return held
""")


class RedisApiKeyUsage:
    """``ApiKeyUsage`` as one hash that every api adds to and any issuer takes from.

    No replica needs to have it: a failover loses counts. It has one field for each key that was used since the record
    heard of it, so an issuer that stays away leaves as many as there are keys.
    """

    def __init__(self, access: RedisAccess, *, namespace: str = NAMESPACE) -> None:
        self._access = access
        self._pending = namespace

    async def add(self, uses: Sequence[ApiKeyUse]) -> None:
        """See ``ApiKeyUsage.add``. Two hundred at a time; some may be added where it raises."""
        following = iter(uses)
        while batch := [*islice(following, _BATCH)]:
            terms = [term for use in batch for term in (use.key_id, use.count, microseconds(use.last_used_at))]
            await self._access.send(_ADD([self._pending], *terms))

    async def take(self, limit: int) -> tuple[ApiKeyUse, ...]:
        """See ``ApiKeyUsage.take``."""
        (held,) = await self._access.send(_TAKE([self._pending], limit))
        return tuple(_use(key_id, terms) for key_id, terms in zip(held[::2], held[1::2], strict=True))


def _use(key_id: bytes, terms: bytes) -> ApiKeyUse:
    count, _, at = terms.partition(b":")
    return ApiKeyUse(key_id.decode(), int(count), moment(int(at)))
