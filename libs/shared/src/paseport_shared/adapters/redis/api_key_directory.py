"""API keys in Redis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from paseport.redis.access import RedisAccess
from paseport.redis.script import Command, Script, ScriptCall

from paseport_shared.api_key_state import decode_entry, encode_entry
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.api_key import ApiKey, ApiKeyEntry

NAMESPACE: Final = "api_key"

_STORE: Final = Script("""
-- A late writer never brings an older state back. Revisions count changes of one key: they stay below 2^53, up to which
-- Lua's numbers are exact. Without a state the entry is a tombstone.
local held = redis.call('HGET', KEYS[1], 'revision')
if held and tonumber(held) >= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'revision', ARGV[1])
if ARGV[2] == '' then redis.call('HDEL', KEYS[1], 'state') else redis.call('HSET', KEYS[1], 'state', ARGV[2]) end
return 1
""")


class RedisApiKeyDirectory:
    """``ApiKeyDirectory``: one hash a key, revoked ones too, and a marker that none is missing.

    Entries stay for ever. A key that another system made has a second name, its digest, which leads to its id. Of
    secrets there are digests under a pepper that is not here.

    As with roles, a directory beside a primary that the cluster has left is not read.
    """

    def __init__(self, access: RedisAccess, *, namespace: str = NAMESPACE) -> None:
        self._access = access
        self._namespace = namespace

    async def find(self, key_id: str) -> ApiKey | None:
        """See ``ApiKeyFinder.find``."""
        self._refuse_if_disputed()
        if ":" in key_id:  # no id; the marker and the digests have such names
            return None
        (held,) = await self._access.send(("HGET", self._key(key_id), "state"))
        return None if held is None else decode_entry(key_id, held)

    async def find_legacy(self, digest: str) -> ApiKey | None:
        """See ``ApiKeyFinder.find_legacy``."""
        self._refuse_if_disputed()
        (named,) = await self._access.send(("GET", self._legacy(digest)))
        key = None if named is None else await self.find(named.decode())
        # A key that got a secret of ours may have given its old name up.
        return key if key is not None and key.legacy_digest == digest else None

    async def is_complete(self) -> bool:
        """See ``ApiKeyDirectory.is_complete``."""
        (count,) = await self._access.send(("EXISTS", self._marker))
        return bool(count)

    async def put(self, entries: Sequence[ApiKeyEntry]) -> None:
        """See ``ApiKeyDirectory.put``. Some may be stored where it raises."""
        # Confirmed also where nothing is stored: what is held may be from an attempt that was not.
        await self._access.confirm_in_steps([command for entry in entries for command in self._storing(entry)])

    async def mark_complete(self) -> None:
        """See ``ApiKeyDirectory.mark_complete``."""
        await self._access.confirm(("SET", self._marker, 1))

    def _storing(self, entry: ApiKeyEntry) -> list[Command | ScriptCall]:
        state = encode_entry(entry) if isinstance(entry, ApiKey) else b""
        storing: list[Command | ScriptCall] = [_STORE([self._key(entry.id)], entry.revision, state)]
        if entry.legacy_digest is not None:
            storing.append(("SET", self._legacy(entry.legacy_digest), entry.id))
        return storing

    def _refuse_if_disputed(self) -> None:
        if self._access.is_disputed:
            raise Unavailable("no majority of the Sentinels stands behind this directory")

    @property
    def _marker(self) -> str:
        # No id has a colon, so no key can take the marker's place.
        return f"{self._namespace}::complete"

    def _key(self, key_id: str) -> str:
        return f"{self._namespace}:{key_id}"

    def _legacy(self, digest: str) -> str:
        return f"{self._namespace}:legacy:{digest}"
