"""RSA signatures: where the private key of ID tokens is near."""

from __future__ import annotations

from typing import Protocol


class RsaSigner(Protocol):
    """Signatures under a named version of the ID-token key."""

    async def sign(self, message: bytes, *, key_version: int) -> bytes:
        """Return the RSASSA-PKCS1-v1_5 signature of ``message`` with SHA-256 (RS256, RFC 7518 §3.3).

        Made under exactly ``key_version``, and as long as its modulus. Raises ``Unavailable`` when the signer does not
        answer, or answers for another version.
        """
        ...
