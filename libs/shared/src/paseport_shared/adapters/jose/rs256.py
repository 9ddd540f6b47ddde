"""Checking RS256 signatures (RFC 7518 §3.3)."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from paseport_shared.domain.models.rsa_public_key import RsaPublicKey

_ALGORITHMS: Final = ("RS256",)


class BadSignature(Exception):
    """The signature is not that of the key."""


def verify(token: str, public_key: bytes) -> None:
    """Return if the token is signed by the key, which is ``RsaPublicKey.to_bytes``. Raises ``BadSignature``.

    The key is the caller's choice and the algorithm a constant: nothing in the token has a say in either.
    """
    try:
        jws.deserialize_compact(token, _key(public_key), algorithms=_ALGORITHMS)
    except JoseError as error:
        raise BadSignature(type(error).__name__) from error


@lru_cache(maxsize=32)
def _key(public_key: bytes) -> RSAKey:
    # Importing a key costs more than checking a signature with it.
    key = RsaPublicKey.from_bytes(public_key)
    return RSAKey.import_key({"kty": "RSA", "n": key.n, "e": key.e})
