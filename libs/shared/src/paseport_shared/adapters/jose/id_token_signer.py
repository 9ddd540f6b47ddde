"""ID tokens signed by a key version that the token names."""

from __future__ import annotations

from paseport_shared.adapters.jose import rs256
from paseport_shared.adapters.jose.compact import MalformedToken, assemble, parse_id_token, signing_input
from paseport_shared.adapters.jose.rs256 import BadSignature
from paseport_shared.adapters.jose.wire import encode_claims
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.id_token import IdTokenClaims
from paseport_shared.domain.models.signing_key import VerificationKey
from paseport_shared.domain.ports.rsa_signer import RsaSigner
from paseport_shared.domain.ports.signing_keys import SigningKeys


class JoseIdTokenSigner:
    """Frames claims as a compact JWS; the signature comes from an ``RsaSigner``."""

    def __init__(self, keys: SigningKeys, signer: RsaSigner) -> None:
        self._keys = keys
        self._signer = signer

    async def sign(self, claims: IdTokenClaims) -> str:
        """Return a token that a client accepts which has the active key. Raises ``Unavailable``.

        The key version is chosen first, because its ``kid`` is in the header and the header is in the signed bytes.
        """
        key = await self._keys.active()
        signed = signing_input(key.kid, encode_claims(claims))
        signature = await self._signer.sign(signed, key_version=key.version)
        return _checked(assemble(signed, signature), key)


def _checked(token: str, key: VerificationKey) -> str:
    """Return the token once it passed what we ask of a hint.

    Checking an RSA signature costs a fiftieth of making one, and a signer that answered for another version, with PSS,
    or wrongly, is found before anybody holds its answer.
    """
    try:
        parse_id_token(token)
        rs256.verify(token, key.public_key)
    except (MalformedToken, BadSignature) as error:
        raise Unavailable(f"key version {key.version} gave an ID token that does not verify: {error}") from error
    return token
