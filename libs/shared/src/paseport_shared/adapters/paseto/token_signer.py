"""Access tokens signed by a key version that the token names."""

from __future__ import annotations

from paseport.claims import Claims
from paseport.claims_json import decode_claims, encode_claims
from paseport.errors import InvalidToken, Unavailable
from paseport.grammar import parse_token
from paseport.v4_public import assemble, footer_for, signing_input, verify_parsed

from paseport_shared.domain.models.signing_key import VerificationKey
from paseport_shared.domain.ports.raw_signer import RawSigner
from paseport_shared.domain.ports.signing_keys import SigningKeys


class PasetoTokenSigner:
    """Frames claims as a ``v4.public`` token; the signature comes from a ``RawSigner``."""

    def __init__(self, keys: SigningKeys, signer: RawSigner) -> None:
        self._keys = keys
        self._signer = signer

    async def sign(self, claims: Claims) -> str:
        """Return a token that any holder of the active key's public half accepts. Raises ``Unavailable``.

        The key version is chosen first, because its ``kid`` is in the footer and the footer is in the signed bytes: a
        signer left to pick the newest key would, during a rotation, sign under a key that the token does not name.
        """
        key = await self._keys.active()
        message = encode_claims(claims)
        footer = footer_for(key.kid)
        signature = await self._signer.sign(signing_input(message, footer), key_version=key.version)
        return _checked(message, signature, footer, key)


def _checked(message: bytes, signature: bytes, footer: bytes, key: VerificationKey) -> str:
    """Return the token once it passed what every verifier will ask of it.

    It costs one verification, and a signer that answered for another version, or wrongly, is found before anybody
    holds its answer. A message that no verifier would read is found here too.
    """
    try:
        token = assemble(message, signature, footer)
        decode_claims(verify_parsed(parse_token(token), key.public_key))
    except (InvalidToken, ValueError) as error:
        reason = error.reason if isinstance(error, InvalidToken) else str(error)
        raise Unavailable(f"key version {key.version} gave a token that does not verify: {reason}") from error
    return token
