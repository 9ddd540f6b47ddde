"""Access tokens checked from grammar to claims."""

from __future__ import annotations

from datetime import timedelta

from paseport.claims import Claims, check_claims, check_times
from paseport.claims_json import decode_claims
from paseport.clock import Clock
from paseport.grammar import MAX_TOKEN_BYTES, parse_token
from paseport.key_set import KeySet
from paseport.token_cache import Kept, TokenCache
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

    def find(self, token: str) -> Kept | None:
        """Return what is remembered of a token that was verified before, without a look at anything. Costs no I/O."""
        cache = self._cache
        if cache is None or len(token) > MAX_TOKEN_BYTES:
            return None
        return cache.find(cache.digest(token, self._audience or ""))

    def is_good(self, kept: Kept) -> bool:
        """Say whether a token is still what it was when it was verified; if not, it is forgotten: ``verify`` it.

        Time and the state of its key are looked at. Costs no I/O. Raises ``InvalidToken`` once it has expired.
        """
        now, cache = self._clock.now(), self._cache
        is_good = False
        try:
            check_times(kept.claims, now)
            is_good = self._keys.known(kept.claims.key_id, now) is not None
        finally:
            if not is_good and cache is not None:
                cache.forget(kept.digest)
        return is_good

    def recall(self, token: str) -> Claims | None:
        """Return the claims of a token that was verified before and is valid now; None says to ``verify`` it.

        Raises ``InvalidToken`` once it has expired.
        """
        kept = self.find(token)
        return kept.claims if kept is not None and self.is_good(kept) else None

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
