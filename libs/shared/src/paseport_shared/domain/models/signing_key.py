"""Keys that sign access tokens and ID tokens, one version each."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from paseport_shared.domain.models.rsa_public_key import RsaPublicKey

ED25519_BYTES: Final = 32


class KeyAlgorithm(enum.Enum):
    """What a key signs with, and so what for. No key does both."""

    ED25519 = "ed25519"
    """Access tokens: PASETO v4.public."""
    RS256 = "rs256"
    """ID tokens: RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3)."""


class KeyStatus(enum.Enum):
    """Life of a key version (design §3): only ACTIVE signs; all but RETIRED and REVOKED verify."""

    PUBLISHED = "published"
    ACTIVE = "active"
    RETIRING = "retiring"
    RETIRED = "retired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """The public half of one key version.

    Of an Ed25519 key ``public_key`` is 32 raw bytes and ``kid`` its PASERK id ``k4.pid.…``. Of an RSA key they are
    ``RsaPublicKey.to_bytes`` and its thumbprint. ``ValueError`` for bytes that are no key of this algorithm.
    """

    version: int
    kid: str
    public_key: bytes
    status: KeyStatus
    not_before: datetime
    not_after: datetime | None
    algorithm: KeyAlgorithm = KeyAlgorithm.ED25519

    def __post_init__(self) -> None:
        check_public_key(self.public_key, self.algorithm)

    @property
    def verifies(self) -> bool:
        """Whether tokens signed with this version may be accepted."""
        return self.status not in (KeyStatus.RETIRED, KeyStatus.REVOKED)


@dataclass(frozen=True, slots=True)
class HeldKeyVersion:
    """One version of a key as its holder shows it: Vault, which knows no state of ours.

    ``kid`` and ``public_key`` are those of its ``VerificationKey``.
    """

    version: int
    kid: str
    public_key: bytes
    created_at: datetime
    algorithm: KeyAlgorithm = KeyAlgorithm.ED25519

    def __post_init__(self) -> None:
        check_public_key(self.public_key, self.algorithm)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One version of a named key on record. ``changed_at`` is when it came into its present state."""

    key_name: str
    key: VerificationKey
    changed_at: datetime


def check_public_key(public_key: bytes, algorithm: KeyAlgorithm) -> None:
    """Raise ``ValueError`` unless the bytes are a public key of the algorithm."""
    if algorithm is KeyAlgorithm.RS256:
        RsaPublicKey.from_bytes(public_key)
    elif len(public_key) != ED25519_BYTES:
        message = f"an Ed25519 public key of {len(public_key)} bytes"
        raise ValueError(message)
