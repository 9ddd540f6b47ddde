"""The public side of a key in Vault Transit."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Literal

import msgspec
from hvac.api.secrets_engines import Transit  # type: ignore[import-untyped]  # hvac ships no types
from paseport.paserk import public_key_id

from paseport_shared.adapters.vault.access import VaultAccess
from paseport_shared.adapters.vault.rotate_transit_key import rotate_transit_key
from paseport_shared.adapters.vault.transport import Wire
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.signing_key import HeldKeyVersion


class _Version(msgspec.Struct, frozen=True):
    public_key: str
    creation_time: datetime


class _Key(msgspec.Struct, frozen=True):
    type: Literal["ed25519"]
    keys: dict[str, _Version]


class _KeyAnswer(msgspec.Struct, frozen=True):
    data: _Key


class TransitKeyHolder:
    """A ``KeyHolder`` over the Ed25519 key ``key_name`` of the Transit engine at ``mount_path``."""

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
        except ValueError as error:
            raise Unavailable("Vault shows a key version that is none") from error
        if not versions:
            raise Unavailable("Vault shows a key without versions")
        return tuple(sorted(versions, key=lambda held: held.version))

    async def create_version(self) -> HeldKeyVersion:
        """See ``KeyHolder.create_version``."""
        return await rotate_transit_key(self._access, self, self._key_name, self._mount_path)


def _held(number: str, version: _Version) -> HeldKeyVersion:
    public_key = base64.b64decode(version.public_key, validate=True)
    return HeldKeyVersion(int(number), public_key_id(public_key), public_key, version.creation_time)
