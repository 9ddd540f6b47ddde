"""Signing ID tokens."""

from __future__ import annotations

from typing import Protocol

from paseport_shared.domain.models.id_token import IdTokenClaims


class IdTokenSigner(Protocol):
    """Turns claims into an ID token."""

    async def sign(self, claims: IdTokenClaims) -> str:
        """Return a JWS (RS256) whose header names the key, after checking its signature.

        Raises ``Unavailable`` when no key or no signer answers.
        """
        ...
