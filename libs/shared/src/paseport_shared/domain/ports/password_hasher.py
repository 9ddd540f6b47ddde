"""Password hashing."""

from __future__ import annotations

import enum
from typing import Protocol

from paseport.secret import Secret


class PasswordCheck(enum.Enum):
    """The outcome of a check."""

    MISMATCH = "mismatch"
    MATCH = "match"
    MATCH_OUTDATED = "match_outdated"
    """Right, but stored under an old scheme, cost or pepper: hash it anew and replace it."""


class PasswordHasher(Protocol):
    """Slow hashing on a bounded pool, off the event loop.

    All methods raise ``Overloaded`` at once when the pool's queue is full: nothing was hashed.
    """

    @property
    def in_use(self) -> int:
        """How many threads hash now."""
        ...

    @property
    def capacity(self) -> int:
        """How many threads there are."""
        ...

    @property
    def waiting(self) -> int:
        """How many callers wait for one."""
        ...

    async def hash(self, password: Secret[str]) -> str:
        """Return the stored form ``{scheme}…`` of a password (NFKC is applied here, LG-08)."""
        ...

    async def verify(self, password: Secret[str], stored: str | None) -> PasswordCheck:
        """Compare a password with a stored form.

        ``None`` (unknown user, no password), and a stored form that cannot be read, do the work of one current hash
        and answer MISMATCH, so that the time tells nothing.
        """
        ...
