"""Verify Paseport access tokens without asking anyone: token grammar, keys, signatures, claims."""

from paseport.claims import AccessTokenClaims
from paseport.errors import InvalidKeyDocument, InvalidToken, KeysUnavailable, TokenError
from paseport.key_set import KeySet, KeyStatus, PublishedKey, RemoteKeySet, StaticKeySet
from paseport.verifier import Verifier

__all__ = [
    "AccessTokenClaims",
    "InvalidKeyDocument",
    "InvalidToken",
    "KeySet",
    "KeyStatus",
    "KeysUnavailable",
    "PublishedKey",
    "RemoteKeySet",
    "StaticKeySet",
    "TokenError",
    "Verifier",
]
