"""Limits on guessing, in Redis."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from paseport.redis.access import RedisAccess
from paseport.redis.moments import microseconds, span
from paseport.redis.script import Script
from paseport.redis.settings import tagged

from paseport_shared.domain.errors import TooManyAttempts
from paseport_shared.domain.ports.attempt_limiter import Attempt

NAMESPACE: Final = "attempts"

_TAKE: Final = Script("""
-- One list of times a key, oldest first. Answers the longest wait in microseconds, or -1 and counts the attempt.
local now = tonumber(ARGV[1])
local taken, longest = {}, -1

for index, key in ipairs(KEYS) do
  local count, window = tonumber(ARGV[2 * index]), tonumber(ARGV[2 * index + 1])
  local held = taken[key] or redis.call('LRANGE', key, 0, -1)
  local kept, changed = {}, false
  for _, at in ipairs(held) do
    if tonumber(at) + window > now then
      -- A wall clock that was set back must neither free a key nor lock it until the old time comes round again:
      -- attempts from the future count as made now.
      if tonumber(at) > now then at, changed = ARGV[1], true end
      kept[#kept + 1] = at
    else
      changed = true
    end
  end
  if changed then
    redis.call('DEL', key)
    for _, at in ipairs(kept) do redis.call('RPUSH', key, at) end
    if #kept > 0 then redis.call('PEXPIRE', key, string.format('%.0f', math.ceil(window / 1000) + 60000)) end
  end
  taken[key] = kept

  local excess = #kept - count
  if excess >= 0 then
    local wait = window
    if excess < #kept then wait = tonumber(kept[excess + 1]) + window - now end
    if wait > longest then longest = wait end
  end
end

if longest >= 0 then return string.format('%.0f', longest) end
for index, key in ipairs(KEYS) do
  if taken[key] then
    redis.call('RPUSH', key, ARGV[1])
    taken[key] = nil
  end
  redis.call('PEXPIRE', key, string.format('%.0f', math.ceil(tonumber(ARGV[2 * index + 1]) / 1000) + 60000))
end
return '-1'
""")


class RedisAttemptLimiter:
    """``AttemptLimiter`` with the exact time of each attempt; all counters of one call are judged in one step.

    The names of the keys are digests: attempts name accounts and addresses (DT-06). No replica is waited for: what a
    failover forgets are a few milliseconds of attempts.
    """

    def __init__(self, access: RedisAccess, namespace: str = NAMESPACE) -> None:
        self._access = access
        self._prefix = tagged(namespace)

    async def take(self, attempts: Sequence[Attempt], now: datetime) -> None:
        """Count one attempt on every key, or, where any is used up, on none and raise ``TooManyAttempts``."""
        if not attempts:
            return
        limits = (part for one in attempts for part in (one.limit.count, span(one.limit.window)))
        keys = [self._key(attempt.key) for attempt in attempts]
        (answer,) = await self._access.send(_TAKE(keys, microseconds(now), *limits))
        wait = int(answer)
        if wait >= 0:
            raise TooManyAttempts(timedelta(microseconds=wait), "attempt limit is used up")

    async def forgive(self, key: str) -> None:
        """Forget the attempts of a key: the right password was given."""
        await self._access.send(("DEL", self._key(key)))

    def _key(self, key: str) -> str:
        return f"{self._prefix}:{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}"
