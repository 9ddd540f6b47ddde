"""Password reset links in the record."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from paseport_shared.domain.models.password_reset import PasswordReset


class PasswordResetRepository(Protocol):
    """Open reset links, inside a record transaction: at most one a user."""

    async def put(self, reset: PasswordReset) -> None:
        """Store a link; an earlier one of the same user is void from now on."""
        ...

    async def find(self, token_hash: bytes, now: datetime) -> PasswordReset | None:
        """Return the link while it is not expired, else None; it stays usable."""
        ...

    async def consume(self, token_hash: bytes, now: datetime) -> PasswordReset | None:
        """Take the link out and return it while it is not expired, else None. Of concurrent callers one gets it."""
        ...
