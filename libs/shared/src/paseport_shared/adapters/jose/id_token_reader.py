"""ID tokens that come back as a hint."""

from __future__ import annotations

from paseport_shared.adapters.jose import rs256
from paseport_shared.adapters.jose.compact import MalformedToken, parse_id_token
from paseport_shared.adapters.jose.rs256 import BadSignature
from paseport_shared.adapters.jose.wire import decode_hint
from paseport_shared.domain.models.id_token import IdTokenHint
from paseport_shared.domain.ports.signing_keys import PastKeys


class JoseIdTokenReader:
    """An ``IdTokenReader`` for the tokens of one issuer."""

    def __init__(self, keys: PastKeys, *, issuer: str) -> None:
        self._keys = keys
        self._issuer = issuer

    async def read_hint(self, token: str) -> IdTokenHint | None:
        """See ``IdTokenReader.read_hint``.

        In this order: grammar, key, signature, claims. No key is looked up for text that is no token, and nothing in a
        token is believed before its signature.
        """
        try:
            parsed = parse_id_token(token)
            key = await self._keys.find_past(parsed.kid)
            if key is None:
                return None
            rs256.verify(token, key.public_key)
        except (MalformedToken, BadSignature):
            return None
        return decode_hint(parsed.payload, self._issuer)
