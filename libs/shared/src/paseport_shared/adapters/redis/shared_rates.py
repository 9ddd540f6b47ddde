"""Limits that are counted for all nodes, in Redis."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final

from paseport.redis.access import RedisAccess
from paseport.redis.moments import microseconds, span, tidied_after
from paseport.redis.script import Script

from paseport_shared.domain.models.rate_limit import SKEW, RateLimit, RateVerdict, grain

NAMESPACE: Final = "rate"

_TAKE: Final = Script("""
-- One list a limit, oldest first; an element is `<moment> <requests> <requests up to here>`, so that the ends of the
-- list tell how many it holds. Answers whether the request counts, how many are left, and after how long there is more.
local key, limit, window, grain, now, skew = KEYS[1]
limit, window, grain = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
now, skew = tonumber(ARGV[4]), tonumber(ARGV[5])

local function read(index)
  local element = redis.call('LINDEX', key, index)
  if not element then return nil end
  local at, count, upto = string.match(element, '^(%d+) (%d+) (%d+)$')
  return tonumber(at), tonumber(count), tonumber(upto)
end

local function spell(at, count, upto) return string.format('%.0f %.0f %.0f', at, count, upto) end

local last, count, upto = read(-1)
if last and last > now then
  if last - now <= skew then
    -- Another node's clock is a little ahead.
    now = last
  else
    -- A wall clock was set back. That must neither free a key nor lock it until the old time comes round again:
    -- requests from the future count as made now.
    local index = -1
    local at, held, sum = last, count, upto
    while at and at > now do
      redis.call('LSET', key, index, spell(now, held, sum))
      index = index - 1
      at, held, sum = read(index)
    end
    last = now
  end
end

local first, first_count, first_upto = read(0)
while first and first + window <= now do
  redis.call('LPOP', key)
  first, first_count, first_upto = read(0)
end
if not first then last, count, upto = nil, 0, 0 end
local used = 0
if first then used = upto - first_upto + first_count end

if used >= limit then
  -- More than the limit only where it was lowered since.
  local index, at, held, sum = 0, first, first_count, first_upto
  while at and upto - sum >= limit do
    index = index + 1
    at, held, sum = read(index)
  end
  if not at then return {0, 0, window} end
  return {0, 0, at + window - now}
end

if last and grain > 0 and math.floor(last / grain) == math.floor(now / grain) then
  redis.call('LSET', key, -1, spell(now, count + 1, upto + 1))
else
  redis.call('RPUSH', key, spell(now, 1, upto + 1))
end
redis.call('PEXPIRE', key, ARGV[6])
return {1, limit - used - 1, window}
""")

_MICRO: Final = 1_000_000


class RedisSharedRates:
    """``SharedRates`` as one script on one list; at most about a thousand elements (``rate_limit.grain``).

    The names of the keys are digests: some limits name people and addresses (DT-06). No replica is waited for: what a
    failover forgets are a few milliseconds of requests.
    """

    def __init__(self, access: RedisAccess, namespace: str = NAMESPACE) -> None:
        self._access = access
        self._namespace = namespace

    async def take(self, key: str, limit: RateLimit, now: datetime) -> RateVerdict:
        """See ``SharedRates.take``."""
        (answer,) = await self._access.send(
            _TAKE(
                [self._key(key)],
                limit.count,
                span(limit.window),
                span(grain(limit)),
                microseconds(now),
                span(SKEW),
                tidied_after(limit.window),
            )
        )
        is_allowed, remaining, wait = answer
        return RateVerdict(bool(is_allowed), limit.count, int(remaining), int(wait) / _MICRO)

    def _key(self, key: str) -> str:
        return f"{self._namespace}:{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}"
