"""API keys on record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from paseport_shared.domain.models.api_key import ApiKey, ApiKeyEntry, ApiKeyPage, ApiKeyQuery, ApiKeyUse


class ApiKeyRepository(Protocol):
    """Keys, as one transaction sees them.

    A revoked key's row stays, so the duty to carry it needs no row of its own.
    """

    async def add(self, key: ApiKey) -> None:
        """Store a new key, due to be carried. Raises ``AlreadyExists`` for a known id or legacy digest."""
        ...

    async def get(self, key_id: str) -> ApiKey:
        """Return a key that is not revoked. Raises ``NotFound``."""
        ...

    async def find_legacy(self, digest: str) -> ApiKey | None:
        """Return the key with this legacy digest, or None: there is none, or it was revoked."""
        ...

    async def page(self, query: ApiKeyQuery) -> ApiKeyPage:
        """Return one page of the keys that are not revoked, newest first.

        Raises ``InvalidRequest`` for a page behind a key that never was.
        """
        ...

    async def count_for(self, owner_id: UUID) -> int:
        """Return how many keys of an owner are not revoked."""
        ...

    async def update(self, key: ApiKey, expected_revision: int) -> None:
        """Replace a key whose stored revision is ``expected_revision``; it is due to be carried.

        Its counters stay as they are stored: a use that is noted meanwhile is not lost. Raises ``PreconditionFailed``
        where the stored revision is another, ``NotFound``, and ``AlreadyExists`` for a known legacy digest.
        """
        ...

    async def remove(self, key_id: str, now: datetime) -> ApiKeyEntry:
        """Revoke a key and return what is left of it, due to be carried. Raises ``NotFound``.

        Nothing of it is kept but its id, its owner's, and the legacy digest, which stays taken.
        """
        ...

    async def remove_all_of(self, owner_id: UUID, now: datetime) -> tuple[ApiKeyEntry, ...]:
        """Revoke all keys of an owner and return what is left of them, due to be carried."""
        ...

    async def find_entry(self, key_id: str) -> ApiKeyEntry | None:
        """Return a key or what is left of it, or None where there never was one."""
        ...

    async def entries(self, after: str | None, limit: int) -> tuple[ApiKeyEntry, ...]:
        """Return up to ``limit`` entries behind the id ``after``, by id, revoked ones too."""
        ...

    async def due(self, limit: int) -> tuple[ApiKeyEntry, ...]:
        """Return up to ``limit`` entries whose latest revision may not be in the directory yet, the oldest first."""
        ...

    async def settle(self, key_id: str, revision: int) -> None:
        """Note that the directory has this revision of a key; a newer one stays due."""
        ...

    async def note_uses(self, uses: Sequence[ApiKeyUse]) -> None:
        """Add to the counters of keys. It changes no revision. Unknown ids are ignored."""
        ...
