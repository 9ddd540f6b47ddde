"""The scripts that write the revocation feed. Keys and their forms: ``paseport.redis.feed_scripts``."""

from __future__ import annotations

from typing import Final

from paseport.redis.feed_scripts import STATE
from paseport.redis.script import Script

_STATE_BEGUN: Final = f"""
{STATE}
if not is_known then
  local time = redis.call('TIME')
  local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  -- Above every earlier epoch, also where the last one was forgotten: then time has passed since.
  epoch = string.format('%.0f', math.max((tonumber(epoch) or 0) + 1, now))
  seq = '0'
  redis.call('DEL', KEYS[4])
  redis.call('HSET', KEYS[1], 'history', history, 'epoch', epoch, 'seq', seq, 'complete', '0')
end
"""

ADD: Final = Script(f"""
{_STATE_BEGUN}
local name, version, recorded_at, expires_at = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local held = redis.call('HGET', KEYS[2], name)
if held then
  -- revocation_list.stricter: the higher minimum version, the later end.
  local held_version, held_at, held_until = string.match(held, '^(%d*):(%-?%d+):(%-?%d+)$')
  if held_version ~= '' and (version == '' or tonumber(held_version) > tonumber(version)) then
    version = held_version
  end
  if tonumber(held_until) > tonumber(expires_at) then expires_at = held_until end
  recorded_at = held_at
end
local merged = version .. ':' .. recorded_at .. ':' .. expires_at
if merged ~= held then
  seq = string.format('%.0f', tonumber(seq) + 1)
  redis.call('HSET', KEYS[1], 'seq', seq)
  redis.call('HSET', KEYS[2], name, merged)
  redis.call('ZADD', KEYS[3], expires_at, name)
  redis.call('XADD', KEYS[4], 'MAXLEN', '=', ARGV[5], epoch .. '-' .. seq, 'name', name, 'terms', merged)
  -- More at once than is added, so that what has expired never piles up, and never so much that others wait.
  local expired = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', ARGV[3], 'LIMIT', 0, 100)
  if #expired > 0 then
    redis.call('HDEL', KEYS[2], unpack(expired))
    redis.call('ZREM', KEYS[3], unpack(expired))
  end
end
return {{epoch, seq}}
""")

ANNOUNCE: Final = Script(f"""
-- An increment alone: nothing is in force for it, and a snapshot makes readers look at everybody again.
{_STATE_BEGUN}
seq = string.format('%.0f', tonumber(seq) + 1)
redis.call('HSET', KEYS[1], 'seq', seq)
redis.call('XADD', KEYS[4], 'MAXLEN', '=', ARGV[3], epoch .. '-' .. seq, 'name', ARGV[1], 'terms', ARGV[2])
return {{epoch, seq}}
""")

EPOCH: Final = Script(f"""
{_STATE_BEGUN}
return epoch
""")

MARK_COMPLETE: Final = Script(f"""
{_STATE_BEGUN}
if epoch ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'complete', '1')
return 1
""")

IS_COMPLETE: Final = Script(
    f"""
{STATE}
return is_complete and 1 or 0
""",
    only_reads=True,
)
