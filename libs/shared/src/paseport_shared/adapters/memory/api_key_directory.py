"""API keys in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.domain.models.api_key import ApiKey, ApiKeyEntry


class MemoryApiKeyDirectory:
    """``ApiKeyDirectory`` in a dict; as long as the keys of the record, since revoked ones keep an entry."""

    def __init__(self, outage: MemoryOutage | None = None) -> None:
        self._outage = outage or MemoryOutage()
        self._entries: dict[str, ApiKeyEntry] = {}
        self._by_legacy_digest: dict[str, str] = {}
        self._complete = False

    async def find(self, key_id: str) -> ApiKey | None:
        """See ``ApiKeyFinder.find``."""
        self._outage.check()
        return self._key(key_id)

    async def find_legacy(self, digest: str) -> ApiKey | None:
        """See ``ApiKeyFinder.find_legacy``."""
        self._outage.check()
        key = self._key(self._by_legacy_digest.get(digest, ""))
        return key if key is not None and key.legacy_digest == digest else None

    async def is_complete(self) -> bool:
        """See ``ApiKeyDirectory.is_complete``."""
        self._outage.check()
        return self._complete

    async def put(self, entries: Sequence[ApiKeyEntry]) -> None:
        """See ``ApiKeyDirectory.put``."""
        self._outage.check()
        for entry in entries:
            held = self._entries.get(entry.id)
            if held is not None and held.revision >= entry.revision:
                continue
            if isinstance(entry, ApiKey):
                entry = replace(entry, comment="", email=None, last_used_at=None, use_count=0)
            self._entries[entry.id] = entry
            if entry.legacy_digest is not None:
                self._by_legacy_digest[entry.legacy_digest] = entry.id

    async def mark_complete(self) -> None:
        """See ``ApiKeyDirectory.mark_complete``."""
        self._outage.check()
        self._complete = True

    def _key(self, key_id: str) -> ApiKey | None:
        held = self._entries.get(key_id)
        return held if isinstance(held, ApiKey) else None
