"""The document that publishes the keys that check ID tokens, ``/.well-known/jwks.json`` (RFC 7517 §5)."""

from __future__ import annotations

import msgspec

from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.rsa_public_key import RsaPublicKey
from paseport_shared.domain.models.signing_key import VerificationKey
from paseport_shared.domain.ports.signing_keys import SigningKeys


class JwksDocument:
    """The key set of an issuer, as bytes: a ``KeyDocument``."""

    def __init__(self, keys: SigningKeys) -> None:
        self._keys = keys
        self._last: tuple[tuple[VerificationKey, ...], bytes] | None = None

    async def render(self) -> bytes:
        """Return the document as it stands now, or as it last stood while the keys cannot be read.

        It names the next key before that signs, and the last one until its tokens have expired (KR-07). A revoked key
        is simply not there: a key set has no word for it. Written anew only where the keys have changed, because
        everybody may ask. Raises ``Unavailable`` when it was never read.
        """
        try:
            keys = await self._keys.published()
        except Unavailable:
            if self._last is None:
                raise
        else:
            if self._last is None or self._last[0] != keys:
                self._last = keys, msgspec.json.encode({"keys": [_to_wire(key) for key in keys if key.verifies]})
        return self._last[1]


def _to_wire(key: VerificationKey) -> dict[str, str]:
    public_key = RsaPublicKey.from_bytes(key.public_key)
    # Its public members one by one: what a private key would have besides cannot slip in.
    return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": key.kid, "n": public_key.n, "e": public_key.e}
