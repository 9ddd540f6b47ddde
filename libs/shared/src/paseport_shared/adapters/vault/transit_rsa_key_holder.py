"""The public side of an RSA key in Vault Transit."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from hvac.api.secrets_engines import Transit  # type: ignore[import-untyped]  # hvac ships no types

from paseport_shared.adapters.vault.access import VaultAccess
from paseport_shared.adapters.vault.rotate_transit_key import rotate_transit_key
from paseport_shared.adapters.vault.transport import Wire
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.rsa_public_key import RsaPublicKey
from paseport_shared.domain.models.signing_key import HeldKeyVersion, KeyAlgorithm


class _Version(msgspec.Struct, frozen=True):
    public_key: str
    creation_time: datetime


class _Key(msgspec.Struct, frozen=True):
    type: Literal["rsa-2048", "rsa-3072", "rsa-4096"]
    keys: dict[str, _Version]


class _KeyAnswer(msgspec.Struct, frozen=True):
    data: _Key


class TransitRsaKeyHolder:
    """A ``KeyHolder`` over the RSA key ``key_name`` of the Transit engine at ``mount_path``."""

    def __init__(self, access: VaultAccess, key_name: str, mount_path: str = "transit") -> None:
        self._access = access
        self._key_name = key_name
        self._mount_path = mount_path

    async def versions(self) -> tuple[HeldKeyVersion, ...]:
        """See ``KeyHolder.versions``. A key of another type is no key here."""

        def read(wire: Wire) -> bytes:
            body: bytes = Transit(adapter=wire).read_key(self._key_name, mount_point=self._mount_path)
            return body

        answer = await self._access.call(read, _KeyAnswer)
        try:
            versions = [_held(number, version) for number, version in answer.data.keys.items()]
        except (ValueError, UnsupportedAlgorithm) as error:
            raise Unavailable("Vault shows a key version that is none") from error
        if not versions:
            raise Unavailable("Vault shows a key without versions")
        return tuple(sorted(versions, key=lambda held: held.version))

    async def create_version(self) -> HeldKeyVersion:
        """See ``KeyHolder.create_version``."""
        return await rotate_transit_key(self._access, self, self._key_name, self._mount_path)


def _held(number: str, version: _Version) -> HeldKeyVersion:
    loaded = load_pem_public_key(version.public_key.encode())
    if not isinstance(loaded, RSAPublicKey):
        message = "a public key of another kind"
        raise ValueError(message)
    numbers = loaded.public_numbers()
    public_key = RsaPublicKey.of(numbers.n, numbers.e)
    return HeldKeyVersion(int(number), public_key.kid, public_key.to_bytes(), version.creation_time, KeyAlgorithm.RS256)
