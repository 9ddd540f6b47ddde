"""API keys, where every decision looks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from paseport_shared.domain.models.api_key import ApiKey, ApiKeyEntry


class ApiKeyFinder(Protocol):
    """Whoever knows keys: the directory, and the issuer, who has the record.

    Both methods raise ``Unavailable`` where nobody can say, and never guess.
    """

    async def find(self, key_id: str) -> ApiKey | None:
        """Return the key, or None where there is none, or it was revoked."""
        ...

    async def find_legacy(self, digest: str) -> ApiKey | None:
        """Return the key that another system made, by its ``legacy_digest``."""
        ...


class ApiKeyDirectory(ApiKeyFinder, Protocol):
    """The read model of keys. The issuer writes it, verifiers read it. Every method raises ``Unavailable``.

    It holds what decisions need: no comment, no contact, no counters.
    """

    async def is_complete(self) -> bool:
        """Say whether a miss is final: the directory was loaded whole and written through since."""
        ...

    async def put(self, entries: Sequence[ApiKeyEntry]) -> None:
        """Store keys and tombstones, each unless the entry held has the same or a newer ``revision``."""
        ...

    async def mark_complete(self) -> None:
        """Declare that every key of the record has an entry."""
        ...
