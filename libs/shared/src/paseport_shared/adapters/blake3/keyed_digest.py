"""Digests as rusty-valkey-forward-auth makes them: BLAKE3 with a key that it calls its salt."""

from __future__ import annotations

from typing import Final

from blake3 import blake3
from paseport.secret import Secret

from paseport_shared.domain.models.legacy_token import LegacyDigest

_KEY_BYTES: Final = 32


def keyed_blake3_digest(salt: Secret[str]) -> LegacyDigest:
    """Return what makes the keyed BLAKE3 of a text. Raises ``ValueError`` unless ``salt`` is 64 hexadecimal digits."""
    key = bytes.fromhex(salt.reveal())
    if len(key) != _KEY_BYTES:
        raise ValueError("the salt is 64 hexadecimal digits")

    def digest(text: str) -> str:
        return blake3(text.encode("utf-8", "surrogatepass"), key=key).hexdigest()

    return digest
