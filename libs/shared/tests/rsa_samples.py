"""RSA keys for tests, made once for each process: making one takes tenths of a second."""

from __future__ import annotations

from functools import lru_cache

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
