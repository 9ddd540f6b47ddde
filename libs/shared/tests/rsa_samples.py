"""RSA keys for tests, made once for each process: making one takes tenths of a second."""

from __future__ import annotations

import base64
import json
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from paseport_shared.domain.models.rsa_public_key import RsaPublicKey


@lru_cache
def private_key(number: int, bits: int = 2048) -> rsa.RSAPrivateKey:
    """The private key that goes by this number."""
    return rsa.generate_private_key(65537, bits)


def public_key(number: int) -> RsaPublicKey:
    """Its public half."""
    numbers = private_key(number).public_key().public_numbers()
    return RsaPublicKey.of(numbers.n, numbers.e)


def pkcs8(key: rsa.RSAPrivateKey) -> bytes:
    """A private key as key files have it."""
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def write_id_keys(path: Path) -> Path:
    """Write a key file with one ACTIVE version, whose key this process has made already if it can."""
    version = {
        "version": 1,
        "pkcs8": base64.b64encode(pkcs8(private_key(1))).decode(),
        "status": "active",
        "not_before": "2026-01-01T00:00:00Z",
        "not_after": None,
    }
    path.write_text(json.dumps({"versions": [version]}))
    path.chmod(0o600)
    return path
