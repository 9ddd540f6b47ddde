"""Building and signing ID tokens, for every grant alike."""

from __future__ import annotations

from paseport.clock import Clock
from paseport_shared.domain.models.client import Client
from paseport_shared.domain.models.id_token import IdTokenClaims, access_token_hash
from paseport_shared.domain.models.user import User
from paseport_shared.domain.ports.id_token_signer import IdTokenSigner

from paseport_issuer.use_cases.sign_access_token import AccessToken, UserGrant
from paseport_issuer.use_cases.user_claims import claims_for


class SignIdToken:
    """Signs ID tokens of this issuer (OIDC Core §2, §3.1.3.6)."""

    def __init__(self, issuer: str, signer: IdTokenSigner, clock: Clock) -> None:
        self._issuer = issuer
        self._signer = signer
        self._clock = clock

    async def __call__(
        self, client: Client, user: User, grant: UserGrant, *, access_token: AccessToken, nonce: str | None = None
    ) -> str:
        """Return the ID token that goes with ``access_token``, and lives as long. Raises ``Unavailable``.

        Whether ``openid`` was granted is for the caller to look at. ``nonce`` is that of the authorization request; a
        token that comes with a refresh has none (OIDC Core §12.2).
        """
        now = self._clock.now().replace(microsecond=0)
        return await self._signer.sign(
            IdTokenClaims(
                issuer=self._issuer,
                subject=str(grant.user_id),
                audience=client.client_id,
                expires_at=now + access_token.expires_in,
                issued_at=now,
                auth_time=grant.auth_time.replace(microsecond=0),
                authorized_party=client.client_id,
                at_hash=access_token_hash(access_token.value),
                amr=grant.amr,
                nonce=nonce,
                session_id=grant.session_id,
                user_claims=claims_for(user, grant.scope),
            )
        )
