"""Secrets sealed by Vault Transit."""

from __future__ import annotations

import base64
import re
from typing import Final

import msgspec
from hvac.api.secrets_engines import Transit  # type: ignore[import-untyped]  # hvac ships no types
from paseport.secret import Secret
from paseport.v4_public import pre_auth_encode

from paseport_shared.adapters.vault.access import VaultAccess
from paseport_shared.adapters.vault.transport import Wire
from paseport_shared.domain.errors import Unavailable

DATA_KEY: Final = "paseport-data"

_PREFIX: Final = "transit1."
"""Where a sealed text came from, and how what it is bound to is framed."""
_CIPHERTEXT: Final = re.compile(r"vault:v[1-9][0-9]{0,9}:(?P<content>[A-Za-z0-9+/]+={0,2})", re.ASCII)
_OVERHEAD_BYTES: Final = 28
"""A nonce and a tag."""


class _Encrypted(msgspec.Struct, frozen=True):
    ciphertext: str


class _EncryptAnswer(msgspec.Struct, frozen=True):
    data: _Encrypted


class _Decrypted(msgspec.Struct, frozen=True):
    plaintext: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


class _DecryptAnswer(msgspec.Struct, frozen=True):
    data: _Decrypted


class TransitCipher:
    """A ``DataCipher`` over the key ``key_name`` of the Transit engine at ``mount_path``: AES-256-GCM.

    The newest version of the key seals, and every one that Vault still has opens.
    """

    def __init__(self, access: VaultAccess, key_name: str = DATA_KEY, mount_path: str = "transit") -> None:
        self._access = access
        self._key_name = key_name
        self._mount_path = mount_path

    async def seal(self, plain: Secret[str], *, purpose: str, owner: str) -> str:
        """See ``DataCipher.seal``. ValueError for text that cannot be encoded."""
        content, bound = _encoded(plain), _associated_data(purpose, owner)

        def encrypt(wire: Wire) -> bytes:
            body: bytes = Transit(adapter=wire).encrypt_data(
                self._key_name,
                plaintext=base64.b64encode(content.reveal()).decode("ascii"),
                associated_data=bound,
                mount_point=self._mount_path,
            )
            return body

        answer = await self._access.call(encrypt, _EncryptAnswer)
        if not _is_ciphertext(answer.data.ciphertext):
            raise Unavailable("Vault's ciphertext is none")
        return _PREFIX + answer.data.ciphertext

    async def open(self, sealed: str, *, purpose: str, owner: str) -> Secret[str]:
        """See ``DataCipher.open``."""
        ciphertext = sealed.removeprefix(_PREFIX)
        if not sealed.startswith(_PREFIX) or not _is_ciphertext(ciphertext):
            raise Unavailable("a sealed text is none that Vault made")
        bound = _associated_data(purpose, owner)

        def decrypt(wire: Wire) -> bytes:
            body: bytes = Transit(adapter=wire).decrypt_data(
                self._key_name,
                ciphertext=ciphertext,
                associated_data=bound,
                mount_point=self._mount_path,
            )
            return body

        answer = await self._access.call(decrypt, _DecryptAnswer)
        try:
            return Secret(base64.b64decode(answer.data.plaintext, validate=True).decode())
        except ValueError:
            # Python's words about bytes that it cannot read quote them.
            raise Unavailable("Vault opened something that is no text") from None


def _is_ciphertext(text: str) -> bool:
    """Say whether Vault can have written it. It reads more than that: bits that no byte has, for one."""
    match = _CIPHERTEXT.fullmatch(text)
    if match is None:
        return False
    try:
        content = base64.b64decode(match["content"], validate=True)
    except ValueError:
        return False
    return len(content) >= _OVERHEAD_BYTES and base64.b64encode(content).decode("ascii") == match["content"]


def _associated_data(purpose: str, owner: str) -> str:
    return base64.b64encode(pre_auth_encode(purpose.encode(), owner.encode())).decode("ascii")


def _encoded(plain: Secret[str]) -> Secret[bytes]:
    try:
        return Secret(plain.reveal().encode())
    except UnicodeEncodeError:
        message = "a secret with lone surrogates cannot be sealed"
        raise ValueError(message) from None  # Python's own error carries the text
