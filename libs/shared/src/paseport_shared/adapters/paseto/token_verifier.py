"""Access tokens checked from grammar to claims."""

from __future__ import annotations

from datetime import timedelta

from paseport.claims import AccessTokenClaims, check_claims, decode_claims
from paseport.errors import InvalidToken
from paseport.grammar import parse_token
from paseport.v4_public import verify_parsed

from paseport_shared.domain.errors import InvalidAccessToken
from paseport_shared.domain.models.claims import Claims
from paseport_shared.domain.ports.clock import Clock
from paseport_shared.domain.ports.signing_keys import VerificationKeys


class PasetoTokenVerifier:
    """Accepts the access tokens of one issuer for one audience; for None its callers look at the audience themselves.

    ``max_lifetime`` bounds ``exp`` - ``iat``: a token that would live longer was not made by our rules, whoever signed
    it.
    """

    def __init__(
        self, keys: VerificationKeys, *, issuer: str, audience: str | None, max_lifetime: timedelta, clock: Clock
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._max_lifetime = max_lifetime
        self._clock = clock

    async def verify(self, token: str) -> Claims:
        """Return the claims of a token that is valid now. Raises ``InvalidAccessToken`` or ``Unavailable``.

        In this order: grammar, key, signature, claims. No key is looked up for a string that is no token, and nothing
        in a token is believed before its signature.
        """
        try:
            parsed = parse_token(token)
            key = await self._keys.find(parsed.kid)
            if key is None:
                raise InvalidAccessToken("kid is unknown, or its key no longer verifies")
            wire = decode_claims(verify_parsed(parsed, key.public_key))
            check_claims(
                wire,
                issuer=self._issuer,
                audience=wire.aud if self._audience is None else self._audience,
                now=self._clock.now(),
                max_lifetime=self._max_lifetime,
            )
        except InvalidToken as error:
            raise InvalidAccessToken(error.reason) from error
        return _to_domain(wire, key.kid)


def _to_domain(wire: AccessTokenClaims, kid: str) -> Claims:
    return Claims(
        issuer=wire.iss,
        subject=wire.sub,
        audience=wire.aud,
        expires_at=wire.exp,
        not_before=wire.nbf,
        issued_at=wire.iat,
        token_id=wire.jti,
        client_id=wire.client_id,
        scope=tuple(wire.scope.split()),
        session_id=wire.sid,
        family_id=wire.fid,
        user_version=wire.ver,
        auth_time=wire.auth_time,
        amr=wire.amr or (),
        key_id=kid,
    )
