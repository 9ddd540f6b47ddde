"""Making refresh-token families, for every grant alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from paseport.clock import Clock
from paseport.secret import Secret
from paseport_shared.domain.models.client import Client
from paseport_shared.domain.models.refresh_token import RefreshFamily, RefreshPolicy
from paseport_shared.domain.ports.randomness import Randomness

from paseport_issuer.use_cases.new_ids import NewIds
from paseport_issuer.use_cases.sign_access_token import UserGrant


@dataclass(frozen=True, slots=True)
class FamilyGrant:
    """What a user granted a client for as long as the family lives. ``session_id`` is None for an offline one."""

    user_id: UUID
    user_version: int
    session_id: str | None
    scope: tuple[str, ...]
    audience: str
    auth_time: datetime
    amr: tuple[str, ...]


class NewFamily:
    """Makes families of generation 0, known to nobody yet."""

    def __init__(self, policy: RefreshPolicy, clock: Clock, randomness: Randomness, ids: NewIds) -> None:
        self._policy = policy
        self._clock = clock
        self._randomness = randomness
        self._ids = ids

    def __call__(self, client: Client, grant: FamilyGrant, family_id: str | None = None) -> RefreshFamily:
        """Return a family that begins now; ``family_id`` is given where somebody knows it already."""
        now = self._clock.now()
        lifetime = min(self._policy.max_lifetime, client.refresh_lifetime or self._policy.max_lifetime)
        return RefreshFamily(
            id=family_id or self._ids.id128(),
            user_id=grant.user_id,
            user_version=grant.user_version,
            session_id=grant.session_id,
            client_id=client.client_id,
            key=Secret(self._randomness.token_bytes(32)),
            scope=grant.scope,
            audience=grant.audience,
            auth_time=grant.auth_time,
            amr=grant.amr,
            generation=0,
            spent=(),
            unconfirmed=False,
            opened_at=now,
            advanced_at=now,
            expires_at=now + lifetime,
        )


def grant_of(family: RefreshFamily) -> UserGrant:
    """Return what a family entitles its client to."""
    return UserGrant(
        user_id=family.user_id,
        user_version=family.user_version,
        session_id=family.session_id,
        family_id=family.id,
        scope=family.scope,
        audience=family.audience,
        auth_time=family.auth_time,
        amr=family.amr,
    )
