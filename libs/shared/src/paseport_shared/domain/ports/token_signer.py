"""Signing access tokens."""

from __future__ import annotations

from typing import Protocol

from paseport.claims import Claims


class TokenSigner(Protocol):
    """Turns claims into an access token."""

    async def sign(self, claims: Claims) -> str:
        """Return a ``v4.public`` token whose footer names the key, after checking its signature.

        Raises ``Unavailable`` when no key or no signer answers.
        """
        ...
