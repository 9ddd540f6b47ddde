"""Key versions and their states."""

from __future__ import annotations

from typing import Protocol

from paseport_shared.domain.models.signing_key import VerificationKey


class VerificationKeys(Protocol):
    """The public keys that tokens are checked with before anybody believes them."""

    async def find(self, kid: str) -> VerificationKey | None:
        """Return the key with this id while it verifies (``VerificationKey.verifies``), else None.

        Raises ``Unavailable`` when it is unknown here and nobody could be asked.
        """
        ...


class SigningKeys(Protocol):
    """The issuer's view of its own versions of one key."""

    async def active(self) -> VerificationKey:
        """Return the version that signs now. Raises ``Unavailable`` when there is none."""
        ...

    async def published(self) -> tuple[VerificationKey, ...]:
        """Return every version that is not RETIRED, oldest first: what a key document names, REVOKED ones too."""
        ...


class PastKeys(Protocol):
    """The public keys that old ID tokens are recognised with, which come back as a hint."""

    async def find_past(self, kid: str) -> VerificationKey | None:
        """Return the key with this id unless it is REVOKED: a RETIRED one too, and one past its ``not_after``.

        Raises ``Unavailable`` when it is unknown here and nobody could be asked.
        """
        ...
