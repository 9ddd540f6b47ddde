"""What a token is that a client shows at the revocation or the introspection endpoint."""

from __future__ import annotations

from dataclasses import dataclass

from paseport.claims import Claims
from paseport.clock import Clock
from paseport.secret import Secret
from paseport.token_verifier import TokenVerifier
from paseport_shared.domain.errors import InvalidToken
from paseport_shared.domain.models.refresh_token import (
    PresentedToken,
    RefreshFamily,
    RefreshTokenKey,
    parse_refresh_token,
)
from paseport_shared.domain.ports.refresh_token_store import RefreshTokenStore


@dataclass(frozen=True, slots=True)
class FoundRefreshToken:
    """A genuine refresh token of a live family; perhaps an older generation of it."""

    presented: PresentedToken
    family: RefreshFamily


FoundToken = FoundRefreshToken | Claims


class FindToken:
    """Tells by its grammar what a token is: hints (RFC 7009 §2.1) are not needed, and not believed."""

    def __init__(
        self, *, verifier: TokenVerifier, families: RefreshTokenStore, refresh_key: RefreshTokenKey, clock: Clock
    ) -> None:
        self._verifier = verifier
        self._families = families
        self._refresh_key = refresh_key
        self._clock = clock

    async def __call__(self, token: Secret[str]) -> FoundToken | None:
        """Return what the token is, None for what is no token of ours or has ended. Raises ``Unavailable``."""
        presented = parse_refresh_token(token)
        if presented is None:
            return await self._access_token(token)
        family = await self._families.find_family(presented.family_id, self._clock.now())
        if family is None or not self._refresh_key.fits(presented, family):
            return None
        return FoundRefreshToken(presented, family)

    async def _access_token(self, token: Secret[str]) -> Claims | None:
        try:
            return await self._verifier.verify(token.reveal())
        except InvalidToken:
            return None
