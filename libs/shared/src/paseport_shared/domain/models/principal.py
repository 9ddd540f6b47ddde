"""Who is calling: the live state of a subject, and the caller that a verified token stands for."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from paseport_shared.domain.models.claims import Claims


@dataclass(frozen=True, slots=True)
class SubjectState:
    """What verifiers need to know of a user, kept in the role directory.

    ``revision`` orders writes: an older state never replaces a newer one. A deleted user leaves ``enabled=False``
    without roles and without a name.
    """

    user_id: UUID
    username: str
    roles: frozenset[str]
    enabled: bool
    version: int
    revision: int


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller whose access token was verified and is not revoked.

    ``roles`` are live and empty where the token lacks scope ``roles``; ``username`` is empty for machine tokens.
    """

    claims: Claims
    username: str
    roles: frozenset[str]

    @property
    def subject(self) -> str:
        """The token's ``sub``."""
        return self.claims.subject
