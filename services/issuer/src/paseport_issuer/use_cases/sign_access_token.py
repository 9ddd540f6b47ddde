"""Building and signing access tokens, for every grant alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from paseport.claims import Claims
from paseport.clock import Clock
from paseport_shared.domain.models.client import Client
from paseport_shared.domain.ports.token_signer import TokenSigner

from paseport_issuer.use_cases.new_ids import NewIds


@dataclass(frozen=True, slots=True)
class UserGrant:
    """What a user granted a client: everything in an access token that the client and the clock do not decide."""

    user_id: UUID
    user_version: int
    session_id: str | None
    family_id: str
    scope: tuple[str, ...]
    audience: str
    auth_time: datetime
    amr: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A signed token and how long it lives from now."""

    value: str
    expires_in: timedelta
    scope: tuple[str, ...]


class SignAccessToken:
    """Signs access tokens of this issuer."""

    def __init__(self, issuer: str, lifetime: timedelta, signer: TokenSigner, clock: Clock, ids: NewIds) -> None:
        self._issuer = issuer
        self._lifetime = lifetime
        self._signer = signer
        self._clock = clock
        self._ids = ids

    async def __call__(self, client: Client, grant: UserGrant, lifetime: timedelta | None = None) -> AccessToken:
        """Return a token for ``grant``, living ``lifetime`` (the issuer's default). Raises ``Unavailable``."""
        now = self._clock.now().replace(microsecond=0)
        expires_in = lifetime or self._lifetime_for(client)
        claims = Claims(
            issuer=self._issuer,
            subject=str(grant.user_id),
            audience=grant.audience,
            expires_at=now + expires_in,
            not_before=now,
            issued_at=now,
            token_id=self._ids.id128(),
            client_id=client.client_id,
            scope=grant.scope,
            session_id=grant.session_id,
            family_id=grant.family_id,
            user_version=grant.user_version,
            auth_time=grant.auth_time.replace(microsecond=0),
            amr=grant.amr,
        )
        return AccessToken(await self._signer.sign(claims), expires_in, grant.scope)

    async def for_machine(self, client: Client, scope: tuple[str, ...], audience: str) -> AccessToken:
        """Return a token that stands for the client itself (RFC 6749 §4.4). Raises ``Unavailable``."""
        now = self._clock.now().replace(microsecond=0)
        expires_in = self._lifetime_for(client)
        claims = Claims(
            issuer=self._issuer,
            subject=client.client_id,
            audience=audience,
            expires_at=now + expires_in,
            not_before=now,
            issued_at=now,
            token_id=self._ids.id128(),
            client_id=client.client_id,
            scope=scope,
        )
        return AccessToken(await self._signer.sign(claims), expires_in, scope)

    def _lifetime_for(self, client: Client) -> timedelta:
        return min(self._lifetime, client.access_token_lifetime or self._lifetime)
