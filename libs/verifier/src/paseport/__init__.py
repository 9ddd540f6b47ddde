"""Verify Paseport access tokens without asking anyone: one import for any service."""

from paseport.claims import Claims
from paseport.errors import (
    AuthenticationRequired,
    AuthError,
    InsufficientRole,
    InsufficientScope,
    InvalidKeyDocument,
    InvalidToken,
    Unavailable,
)
from paseport.key_set import KeySet, KeyStatus, PublishedKey, RemoteKeySet, StaticKeySet
from paseport.principal import Principal
from paseport.requirements import require_roles, require_scopes
from paseport.verifier import Verifier

__all__ = [
    "AuthError",
    "AuthenticationRequired",
    "Claims",
    "InsufficientRole",
    "InsufficientScope",
    "InvalidKeyDocument",
    "InvalidToken",
    "KeySet",
    "KeyStatus",
    "Principal",
    "PublishedKey",
    "RemoteKeySet",
    "StaticKeySet",
    "Unavailable",
    "Verifier",
    "require_roles",
    "require_scopes",
]
