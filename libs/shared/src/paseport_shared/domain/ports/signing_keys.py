"""Key versions and their states."""

from __future__ import annotations

from typing import Protocol

from paseport_shared.domain.models.signing_key import VerificationKey


class VerificationKeys(Protocol):
    """The public keys that access tokens are checked with."""

    async def find(self, kid: str) -> VerificationKey | None:
        """Return the key with this PASERK id while it verifies (``VerificationKey.verifies``), else None.

        Raises ``Unavailable`` when it is unknown here and nobody could be asked.
        """
        ...


class SigningKeys(Protocol):
    """The issuer's view of its own key versions."""

    async def active(self) -> VerificationKey:
        """Return the version that signs now. Raises ``Unavailable`` when there is none."""
        ...

    async def published(self) -> tuple[VerificationKey, ...]:
        """Return every version that the key document names, oldest first (RETIRED ones are left out)."""
        ...
