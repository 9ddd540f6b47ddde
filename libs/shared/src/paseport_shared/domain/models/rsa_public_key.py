"""RSA public keys of ID tokens, and what they are called."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Final

MIN_BITS: Final = 2048
MAX_BITS: Final = 4096
EXPONENT: Final = 65537
"""The only one that anybody makes keys with; a small one has been the way into many an RSA implementation."""

_CANONICAL: Final = re.compile(rb'\{"e":"AQAB","kty":"RSA","n":"(?P<n>[A-Za-z0-9_-]{342,683})"\}')


@dataclass(frozen=True, slots=True)
class RsaPublicKey:
    """An RSA public key with the exponent 65537. ``ValueError`` for a modulus that is not 2,048 to 4,096 bits long."""

    modulus: int

    def __post_init__(self) -> None:
        if self.modulus < 0 or not MIN_BITS <= self.modulus.bit_length() <= MAX_BITS or self.modulus % 2 == 0:
            message = f"an RSA modulus of {self.modulus.bit_length()} bits"
            raise ValueError(message)

    @classmethod
    def of(cls, modulus: int, exponent: int) -> RsaPublicKey:
        """Return the key with these numbers. ``ValueError`` for one that is not used here."""
        if exponent != EXPONENT:
            message = f"an RSA exponent other than {EXPONENT}"
            raise ValueError(message)
        return cls(modulus)

    @classmethod
    def from_bytes(cls, encoded: bytes) -> RsaPublicKey:
        """Read what ``to_bytes`` wrote. ``ValueError`` for anything else, another spelling of the same key included."""
        match = _CANONICAL.fullmatch(encoded)
        if match is None:
            message = "not an RSA public key in its canonical form"
            raise ValueError(message)
        modulus = match["n"] + b"=" * (-len(match["n"]) % 4)
        key = cls(int.from_bytes(base64.urlsafe_b64decode(modulus)))
        if key.to_bytes() != encoded:
            message = "not the canonical form of this RSA public key"
            raise ValueError(message)
        return key

    @property
    def n(self) -> str:
        """The modulus as JSON Web Keys have it (RFC 7518 §6.3.1.1)."""
        return _base64url(self.modulus.to_bytes((self.modulus.bit_length() + 7) // 8))

    @property
    def e(self) -> str:
        """The exponent as JSON Web Keys have it (RFC 7518 §6.3.1.2)."""
        return _base64url(EXPONENT.to_bytes(3))

    @property
    def signature_bytes(self) -> int:
        """How long a signature is (RFC 8017 §8.2.1)."""
        return (self.modulus.bit_length() + 7) // 8

    def to_bytes(self) -> bytes:
        """Return the key as RFC 7638 §3 hashes it: one spelling for each key, so that equal keys are equal bytes."""
        members = {"e": self.e, "kty": "RSA", "n": self.n}
        return json.dumps(members, separators=(",", ":")).encode("ascii")

    @property
    def kid(self) -> str:
        """The key's id: its thumbprint (RFC 7638), 43 characters."""
        return _base64url(hashlib.sha256(self.to_bytes()).digest())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")
