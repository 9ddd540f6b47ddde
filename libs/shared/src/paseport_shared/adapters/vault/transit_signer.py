"""Ed25519 signatures by Vault Transit."""

from __future__ import annotations

import base64
import re
from typing import Final

import msgspec
from hvac.api.secrets_engines import Transit  # type: ignore[import-untyped]  # hvac ships no types

from paseport_shared.adapters.vault.access import VaultAccess
from paseport_shared.adapters.vault.transport import Wire
from paseport_shared.domain.errors import Unavailable

# 64 bytes in base64: 86 characters and two of padding.
_SIGNATURE: Final = re.compile(r"vault:v(?P<version>[1-9][0-9]{0,9}):(?P<signature>[A-Za-z0-9+/]{86}==)", re.ASCII)


class _Signed(msgspec.Struct, frozen=True):
    signature: str


class _SignAnswer(msgspec.Struct, frozen=True):
    data: _Signed


class TransitSigner:
    """A ``RawSigner`` over the key ``key_name`` of the Transit engine at ``mount_path``."""

    def __init__(self, access: VaultAccess, key_name: str, mount_path: str = "transit") -> None:
        self._access = access
        self._key_name = key_name
        self._mount_path = mount_path

    async def sign(self, message: bytes, *, key_version: int) -> bytes:
        """See ``RawSigner.sign``.

        The version is part of the request, since without it Vault takes the newest one: a rotation between choosing
        the key and signing would make a token that names another key than the one that signed it.
        """
        if key_version < 1:
            # Vault reads 0 as "the newest".
            raise Unavailable(f"there is no key version {key_version}")

        def sign(wire: Wire) -> bytes:
            body: bytes = Transit(adapter=wire).sign_data(
                self._key_name,
                hash_input=base64.b64encode(message).decode("ascii"),
                key_version=key_version,
                mount_point=self._mount_path,
            )
            return body

        answer = await self._access.call(sign, _SignAnswer)
        return _signature(answer.data.signature, key_version)


def _signature(answer: str, key_version: int) -> bytes:
    match = _SIGNATURE.fullmatch(answer)
    if match is None:
        raise Unavailable("Vault's signature is not an Ed25519 signature")
    if int(match["version"]) != key_version:
        raise Unavailable(f"Vault signed with version {match['version']} instead of {key_version}")
    return base64.b64decode(match["signature"])
