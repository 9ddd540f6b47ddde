"""Raw signatures: the only place a private key is near."""

from __future__ import annotations

from typing import Protocol


class RawSigner(Protocol):
    """Ed25519 signatures under a named version of the access-token key."""

    async def sign(self, message: bytes, *, key_version: int) -> bytes:
        """Return the 64-byte Ed25519 signature of ``message`` under exactly ``key_version``.

        Raises ``Unavailable`` when the signer does not answer, or answers for another version.
        """
        ...
