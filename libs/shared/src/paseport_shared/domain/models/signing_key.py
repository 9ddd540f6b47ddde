"""Keys that sign access tokens, one version each."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime


class KeyStatus(enum.Enum):
    """Life of a key version (design §3): only ACTIVE signs; all but RETIRED and REVOKED verify."""

    PUBLISHED = "published"
    ACTIVE = "active"
    RETIRING = "retiring"
    RETIRED = "retired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """The public half of one key version. ``kid`` is its PASERK id ``k4.pid.…``; ``public_key`` is 32 raw bytes."""

    version: int
    kid: str
    public_key: bytes
    status: KeyStatus
    not_before: datetime
    not_after: datetime | None

    @property
    def verifies(self) -> bool:
        """Whether tokens signed with this version may be accepted."""
        return self.status not in (KeyStatus.RETIRED, KeyStatus.REVOKED)


@dataclass(frozen=True, slots=True)
class HeldKeyVersion:
    """One version of a key as its holder shows it: Vault, which knows no state of ours. ``public_key`` is 32 bytes."""

    version: int
    kid: str
    public_key: bytes
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One version of a named key on record. ``changed_at`` is when it came into its present state."""

    key_name: str
    key: VerificationKey
    changed_at: datetime
