"""RS256 signatures by Vault Transit."""

from __future__ import annotations

import base64
import re
from typing import Final

import msgspec
from hvac.api.secrets_engines import Transit  # type: ignore[import-untyped]  # hvac ships no types

from paseport_shared.adapters.vault.access import VaultAccess
from paseport_shared.adapters.vault.transport import Wire
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.rsa_public_key import MAX_BITS, MIN_BITS

# Of 256 to 512 bytes, in base64.
_SIGNATURE: Final = re.compile(r"vault:v(?P<version>[1-9][0-9]{0,9}):(?P<signature>[A-Za-z0-9+/]{340,683}={0,2})", re.A)
_LENGTHS: Final = range(MIN_BITS // 8, MAX_BITS // 8 + 1)


class _Signed(msgspec.Struct, frozen=True):
    signature: str


class _SignAnswer(msgspec.Struct, frozen=True):
    data: _Signed


class TransitRsaSigner:
    """An ``RsaSigner`` over the key ``key_name`` of the Transit engine at ``mount_path``."""

    def __init__(self, access: VaultAccess, key_name: str, mount_path: str = "transit") -> None:
        self._access = access
        self._key_name = key_name
        self._mount_path = mount_path

    async def sign(self, message: bytes, *, key_version: int) -> bytes:
        """See ``RsaSigner.sign``.

        Version, hash and scheme are part of the request: without them Vault takes the newest version and signs with
        PSS, which is PS256 and not RS256.
        """
        if key_version < 1:
            # Vault reads 0 as "the newest".
            raise Unavailable(f"there is no key version {key_version}")

        def sign(wire: Wire) -> bytes:
            body: bytes = Transit(adapter=wire).sign_data(
                self._key_name,
                hash_input=base64.b64encode(message).decode("ascii"),
                key_version=key_version,
                hash_algorithm="sha2-256",
                signature_algorithm="pkcs1v15",
                mount_point=self._mount_path,
            )
            return body

        answer = await self._access.call(sign, _SignAnswer)
        return _signature(answer.data.signature, key_version)


def _signature(answer: str, key_version: int) -> bytes:
    match = _SIGNATURE.fullmatch(answer)
    if match is None:
        raise Unavailable("Vault's signature is not an RSA signature")
    if int(match["version"]) != key_version:
        raise Unavailable(f"Vault signed with version {match['version']} instead of {key_version}")
    try:
        signature = base64.b64decode(match["signature"], validate=True)
    except ValueError as error:
        raise Unavailable("Vault's signature is not an RSA signature") from error
    if len(signature) not in _LENGTHS:
        raise Unavailable("Vault's signature is not an RSA signature")
    return signature
