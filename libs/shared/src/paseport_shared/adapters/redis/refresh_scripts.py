"""The scripts of refresh token families: each reads and writes the hash of one family.

Fields: ``user_id``, ``opened`` (what never changes), ``generation``, ``spent`` ("generation:time" of the last eight,
newest last), ``unconfirmed``, ``advanced_at``, ``expires_at``. Times are microseconds since 1970. Generations are
decimal text without leading zeros and are only ever compared: they may exceed what a Lua number holds.

``unconfirmed`` is 1 while nobody is told the live generation, and 0 where nothing has to be confirmed. Below 0 it
counts who is told it: as long as one of them is, it is not marked again.
"""

from __future__ import annotations

from typing import Final

from paseport.redis.script import Script

from paseport_shared.domain.models.refresh_token import SPENT_KEPT, UNCONFIRMED_REPLAY

OPEN: Final = Script("""
-- Answers the user who holds this id already, else stores the family and answers nothing.
local holder = redis.call('HGET', KEYS[1], 'user_id')
if holder then return holder end
redis.call('HSET', KEYS[1],
  'user_id', ARGV[1], 'opened', ARGV[2], 'generation', ARGV[3], 'spent', ARGV[4], 'unconfirmed', ARGV[5],
  'advanced_at', ARGV[6], 'expires_at', ARGV[7])
redis.call('PEXPIRE', KEYS[1], ARGV[8])
return false
""")

ADVANCE: Final = Script(f"""
-- refresh_token.judge and refresh_token.advanced, in the same order of questions.
-- Answers the rotation, the user and whether the live generation is unconfirmed.
local generation, successor = ARGV[1], ARGV[2]
local now, grace, idle = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])

local held = redis.call('HMGET', KEYS[1],
  'generation', 'spent', 'unconfirmed', 'advanced_at', 'expires_at', 'user_id')
local live, unconfirmed, user = held[1], held[3], held[6]
if not live then return {{'gone'}} end
if now >= tonumber(held[5]) or now - tonumber(held[4]) >= idle then return {{'gone'}} end

local function above(one, other)
  if #one ~= #other then return #one > #other end
  return one > other
end

local is_ahead = above(generation, live)
if generation == live or is_ahead then
  local spent = held[2]
  local _, kept = string.gsub(spent, '%S+', '')
  if kept >= {SPENT_KEPT} then spent = string.gsub(spent, '^%S+%s*', '') end
  if spent ~= '' then spent = spent .. ' ' end
  redis.call('HSET', KEYS[1],
    'generation', successor, 'spent', spent .. generation .. ':' .. ARGV[3], 'unconfirmed', ARGV[6],
    'advanced_at', ARGV[3])
  local left = math.min(idle, tonumber(held[5]) - now)
  redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.floor(left / 1000) + 60000))
  return {{is_ahead and 'recover' or 'rotate', user, ARGV[6]}}
end

local spent_at
for entry, at in string.gmatch(held[2], '(%d+):(%-?%d+)') do
  if entry == generation and not spent_at then spent_at = tonumber(at) end
end

if spent_at then
  local age = now - spent_at
  local within_grace = grace > 0 and age <= grace
  if successor == live then
    if within_grace or (unconfirmed == '1' and age <= {UNCONFIRMED_REPLAY.total_seconds():.0f}000000) then
      if tonumber(unconfirmed) < 0 then redis.call('HINCRBY', KEYS[1], 'unconfirmed', -1) end
      return {{'replay', user, unconfirmed}}
    end
  elseif within_grace then
    return {{'late'}}
  end
end

redis.call('DEL', KEYS[1])
return {{'reuse', user}}
""")

CONFIRM: Final = Script("""
-- Somebody is to be told this generation: its mark goes, and the grace of its predecessor begins.
local held = redis.call('HMGET', KEYS[1], 'generation', 'unconfirmed', 'spent')
if held[1] ~= ARGV[1] then return false end
if held[2] == '1' then
  redis.call('HSET', KEYS[1], 'unconfirmed', '-1', 'spent', (string.gsub(held[3], '%-?%d+$', ARGV[2])))
elseif tonumber(held[2]) < 0 then
  redis.call('HINCRBY', KEYS[1], 'unconfirmed', -1)
end
return false
""")

WITHDRAW: Final = Script("""
-- Who was to be told this generation is not. Once nobody is, it is marked again: its predecessor may ask again.
local held = redis.call('HMGET', KEYS[1], 'generation', 'unconfirmed')
if held[1] ~= ARGV[1] or tonumber(held[2]) >= 0 then return false end
if redis.call('HINCRBY', KEYS[1], 'unconfirmed', 1) == 0 then redis.call('HSET', KEYS[1], 'unconfirmed', '1') end
return false
""")

MARK: Final = Script("""
-- No replica is known to have this generation: nobody was told its token, so its predecessor may ask again.
if redis.call('HGET', KEYS[1], 'generation') == ARGV[1] then redis.call('HSET', KEYS[1], 'unconfirmed', '1') end
return false
""")

REMOVE: Final = Script("""
-- Answers what was removed; where a user is given, only a family of that user is.
local held = redis.call('HMGET', KEYS[1], 'opened', 'generation', 'spent', 'unconfirmed', 'advanced_at', 'user_id')
if not held[1] or (ARGV[1] and held[6] ~= ARGV[1]) then return false end
redis.call('DEL', KEYS[1])
return held
""")
