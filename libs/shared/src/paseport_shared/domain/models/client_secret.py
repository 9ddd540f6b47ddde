"""Secrets that Paseport makes for clients: ``pcs_<43 base62 characters>_<6 of its CRC32>``."""

from __future__ import annotations

from typing import Final

from paseport.secret import Secret

from paseport_shared.domain.models import base62

SECRET_BYTES: Final = 32


def new_client_secret(randomness: bytes) -> Secret[str]:
    """Return ``randomness``, 32 bytes, as a client secret. Scanners know it by its prefix and its checksum."""
    text = f"pcs_{base62.encode_bytes(randomness)}"
    return Secret(f"{text}_{base62.crc(text)}")
