"""Access tokens checked from grammar to claims."""

from __future__ import annotations

from datetime import timedelta

from paseport.claims import Claims, check_claims, check_times
from paseport.claims_json import decode_claims
from paseport.clock import Clock
from paseport.errors import InvalidToken
from paseport.grammar import MAX_TOKEN_BYTES, parse_token
from paseport.key_set import KeySet
from paseport.token_cache import TokenCache
from paseport.v4_public import verify_parsed


class TokenVerifier:
    """Accepts the access tokens of one issuer for one audience; for None its callers look at the audience themselves.

    ``max_lifetime`` bounds ``exp`` - ``iat``: a token that would live longer was not made by our rules, whoever signed
    it. With a ``cache``, a token that passed once is not parsed and its signature not verified again.
    """

    def __init__(
        self,
        keys: KeySet,
        *,
        issuer: str,
        audience: str | None,
        max_lifetime: timedelta,
        clock: Clock,
        cache: TokenCache | None = None,
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._max_lifetime = max_lifetime
        self._clock = clock
        self._cache = cache

    def recall(self, token: str) -> Claims | None:
        """Return the claims of a token that was verified before and is valid now; None says to ``verify`` it.

        Costs no I/O. Time and the state of its key are looked at anew. Raises ``InvalidToken`` once it has expired.
        """
        cache = self._cache
        if cache is None or len(token) > MAX_TOKEN_BYTES:
            return None
        digest = cache.digest(token, self._audience or "")
        claims = cache.find(digest)
        if claims is None:
            return None
        now = self._clock.now()
        try:
            check_times(claims, now)
        except InvalidToken:
            cache.forget(digest)
            raise
        if self._keys.known(claims.key_id, now) is None:
            cache.forget(digest)
            return None
        return claims

    async def verify(self, token: str) -> Claims:
        """Return the claims of a token that is valid now. Raises ``InvalidToken`` or ``Unavailable``.

        In this order: grammar, key, signature, claims. No key is looked up for a string that is no token, and nothing
        in a token is believed before its signature. Whether it was revoked is asked elsewhere.
        """
        parsed = parse_token(token)
        key = await self._keys.get(parsed.kid, self._clock.now())
        claims = decode_claims(verify_parsed(parsed, key.public_key), key.kid)
        check_claims(
            claims,
            issuer=self._issuer,
            audience=claims.audience if self._audience is None else self._audience,
            now=self._clock.now(),
            max_lifetime=self._max_lifetime,
        )
        if self._cache is not None:
            self._cache.add(self._cache.digest(token, self._audience or ""), claims)
        return claims
