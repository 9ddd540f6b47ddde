"""Key states in the record."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from paseport_shared.domain.models.signing_key import KeyStatus, SigningKey


class SigningKeyRepository(Protocol):
    """Versions of named keys, inside a record transaction.

    Two things hold whatever callers do at once: of one key at most one version is ACTIVE, and one kid stands for one
    version of one key (KR-06). A version is never removed.
    """

    async def versions(self, key_name: str) -> tuple[SigningKey, ...]:
        """Return every version of the key on record, RETIRED and REVOKED ones too, oldest first."""
        ...

    async def add(self, signing_key: SigningKey) -> None:
        """Store a new version.

        Raises ``AlreadyExists`` with what is taken: its ``version``, its ``kid``, or, where another version of the key
        is ACTIVE, its ``status``.
        """
        ...

    async def change_status(
        self,
        key_name: str,
        version: int,
        *,
        expected: KeyStatus,
        status: KeyStatus,
        at: datetime,
        not_after: datetime | None = None,
    ) -> None:
        """Bring a version from the state ``expected`` to ``status``; ``not_after``, where given, ends its use.

        Raises ``NotFound``, ``PreconditionFailed`` where its state is another, and ``AlreadyExists`` (``status``)
        where another version of the key is ACTIVE and this one should be. Which steps are allowed is the caller's
        rule.
        """
        ...
