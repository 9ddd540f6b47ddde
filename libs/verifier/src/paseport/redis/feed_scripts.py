"""The scripts that read the revocation feed; the issuer has others that write it.

Keys, all in one slot: ``state``, a hash (``history``, ``epoch``, ``seq``, ``complete``); ``in_force``, a hash from
"kind:subject" to "min_version:recorded_at:expires_at"; ``by_expiry``, the same names by the time they end; and
``increments``, a stream whose entry ids are the positions, "epoch-seq", and where a name may also be "subject:…" with a
revision: somebody who changed. Times are microseconds since 1970. Versions and sequence numbers count changes: they
stay below 2^53, up to which Lua's numbers are exact.
"""

from __future__ import annotations

from typing import Final

from paseport.redis.script import Script

SUBJECT_PREFIX: Final = b"subject:"

# The history of writes that this node continues: a promoted replica and a restarted primary begin one of their own, and
# whether theirs holds all that the last one acknowledged is not known.
STATE: Final = """
local replication = redis.call('INFO', 'replication')
if not string.find(replication, 'role:master', 1, true) then
  return redis.error_reply("READONLY the feed is not read from a replica")
end
local history = string.match(replication, 'master_replid:(%x+)')
local state = redis.call('HMGET', KEYS[1], 'history', 'epoch', 'seq', 'complete')
local epoch, seq = state[2], state[3]
local is_known = state[1] == history
local is_complete = is_known and state[4] == '1'
"""

SNAPSHOT: Final = Script(
    f"""
-- Answers one page of what is in force, and where the next one begins; "0" after the last.
{STATE}
if not is_complete then return false end
local page = redis.call('HSCAN', KEYS[2], ARGV[1], 'COUNT', ARGV[2])
return {{epoch, seq, page[1], page[2]}}
""",
    only_reads=True,
)

CHANGES: Final = Script(
    f"""
-- Answers the increments after a position, or nothing where that cannot be all.
{STATE}
if not is_complete or epoch ~= ARGV[1] then return false end
local missing = tonumber(seq) - tonumber(ARGV[2])
if missing < 0 or missing > redis.call('XLEN', KEYS[4]) then return false end
return redis.call('XRANGE', KEYS[4], '(' .. ARGV[1] .. '-' .. ARGV[2], '+')
""",
    only_reads=True,
)
