"""Revocations in the record."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from paseport.revocation import Revocation


class RevocationRecord(Protocol):
    """The lasting copy of revocations, inside a record transaction: a feed that lost its memory is refilled from it."""

    async def add(self, *added: Revocation) -> None:
        """Store revocations; where the same thing is revoked already, the stricter one stays.

        Stricter: the higher ``min_version``, and the later ``expires_at``.
        """
        ...

    async def in_force(self, now: datetime) -> tuple[Revocation, ...]:
        """Return every revocation that has not expired at ``now``, oldest first."""
        ...

    async def purge(self, now: datetime) -> int:
        """Remove the expired ones and return how many there were."""
        ...
