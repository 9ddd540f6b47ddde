"""Verifying access tokens."""

from __future__ import annotations

from typing import Protocol

from paseport_shared.domain.models.claims import Claims


class TokenVerifier(Protocol):
    """Checks grammar, key, signature and claims of an access token; revocation and roles are looked up elsewhere."""

    async def verify(self, token: str) -> Claims:
        """Return the claims of a token that is valid now.

        Raises ``InvalidAccessToken`` whatever is wrong with it, and ``Unavailable`` when its key is unknown and the
        key document cannot be had.
        """
        ...
