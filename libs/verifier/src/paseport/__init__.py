"""Verify Paseport access tokens without asking anyone: token grammar, keys, signatures, claims."""

from paseport.claims import Claims
from paseport.errors import AuthError, InvalidKeyDocument, InvalidToken, Unavailable
from paseport.key_set import KeySet, KeyStatus, PublishedKey, RemoteKeySet, StaticKeySet
from paseport.verifier import Verifier

__all__ = [
    "AuthError",
    "Claims",
    "InvalidKeyDocument",
    "InvalidToken",
    "KeySet",
    "KeyStatus",
    "PublishedKey",
    "RemoteKeySet",
    "StaticKeySet",
    "Unavailable",
    "Verifier",
]
