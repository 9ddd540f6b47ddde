"""Refresh token families in memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import structlog

from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.tidying import TidyingPace
from paseport_shared.domain.errors import AlreadyExists
from paseport_shared.domain.models.refresh_token import (
    Advance,
    RefreshFamily,
    RefreshPolicy,
    Rotation,
    advanced,
    judge,
)

_log = structlog.get_logger(__name__)


class MemoryRefreshTokenStore:
    """``RefreshTokenStore`` in a dict of families and an index by user beside it.

    No method awaits between reading and writing, so each is one atomic step. There are no replicas: every advance is
    confirmed as it happens.
    """

    def __init__(self, policy: RefreshPolicy, outage: MemoryOutage | None = None) -> None:
        self._policy = policy
        self._outage = outage or MemoryOutage()
        self._by_id: dict[str, RefreshFamily] = {}
        self._by_user: dict[UUID, set[str]] = {}
        self._pace = TidyingPace()

    async def open_family(self, family: RefreshFamily) -> None:
        """Store a new family of generation 0. Raises ``AlreadyExists`` for a known id."""
        self._outage.check()
        if family.id in self._by_id:
            raise AlreadyExists("family")
        if self._pace.is_due(len(self._by_id)):
            self._tidy(family.opened_at)
        self._by_id[family.id] = family
        self._by_user.setdefault(family.user_id, set()).add(family.id)

    async def find_family(self, family_id: str, now: datetime) -> RefreshFamily | None:
        """Return the family while it is live, else None."""
        self._outage.check()
        return self._live(family_id, now)

    async def advance(self, family_id: str, generation: int, now: datetime) -> Advance:
        """Present a genuine token of ``generation``: decide (``refresh_token.judge``) and act in one atomic step."""
        self._outage.check()
        family = self._live(family_id, now)
        if family is None:
            return Advance(Rotation.GONE)
        rotation = judge(family, generation, now, self._policy.grace)
        if rotation.advances:
            family = advanced(family, generation, now, unconfirmed=False)
            self._by_id[family_id] = family
        elif rotation is Rotation.REUSE:
            self._remove(family)
        if rotation.is_exchange:
            return Advance(rotation, family.generation)
        return Advance(rotation)

    async def revoke_family(self, family_id: str) -> RefreshFamily | None:
        """Remove the family and return it, or None where there was none."""
        self._outage.check()
        family = self._by_id.get(family_id)
        if family is not None:
            self._remove(family)
        return family

    async def list_for_user(self, user_id: UUID, now: datetime) -> tuple[RefreshFamily, ...]:
        """Return the user's live families, the most recently advanced first."""
        self._outage.check()
        live = (family for family in self._listed(user_id) if family.is_live(now, self._policy))
        return tuple(sorted(live, key=lambda family: family.advanced_at, reverse=True))

    async def revoke_session(self, user_id: UUID, session_id: str) -> tuple[RefreshFamily, ...]:
        """Remove the online families of one session and return them; offline ones stay."""
        self._outage.check()
        return self._remove_where(user_id, lambda family: family.session_id == session_id)

    async def revoke_client(self, user_id: UUID, client_id: str) -> tuple[RefreshFamily, ...]:
        """Remove all that one client has of the user, online and offline, and return it."""
        self._outage.check()
        return self._remove_where(user_id, lambda family: family.client_id == client_id)

    async def revoke_all(self, user_id: UUID) -> tuple[RefreshFamily, ...]:
        """Remove all of the user's families, online and offline, and return them."""
        self._outage.check()
        return self._remove_where(user_id, lambda _: True)

    def _live(self, family_id: str, now: datetime) -> RefreshFamily | None:
        family = self._by_id.get(family_id)
        if family is None:
            return None
        if family_id not in self._by_user.get(family.user_id, ()):
            # TE-18: "all devices" works through the index. What it cannot reach must not live on.
            _log.warning("refresh family is missing from its user's index", family_id=family_id)
            self._remove(family)
            return None
        return family if family.is_live(now, self._policy) else None

    def _listed(self, user_id: UUID) -> tuple[RefreshFamily, ...]:
        families = []
        for family_id in tuple(self._by_user.get(user_id, ())):
            family = self._by_id.get(family_id)
            if family is None:
                _log.warning("refresh family index names a family that does not exist", family_id=family_id)
                self._unlist(user_id, family_id)
            else:
                families.append(family)
        return tuple(families)

    def _remove_where(self, user_id: UUID, fits: Callable[[RefreshFamily], bool]) -> tuple[RefreshFamily, ...]:
        removed = tuple(family for family in self._listed(user_id) if fits(family))
        for family in removed:
            self._remove(family)
        return removed

    def _remove(self, family: RefreshFamily) -> None:
        self._by_id.pop(family.id, None)
        self._unlist(family.user_id, family.id)

    def _unlist(self, user_id: UUID, family_id: str) -> None:
        listed = self._by_user.get(user_id)
        if listed is None:
            return
        listed.discard(family_id)
        if not listed:
            del self._by_user[user_id]

    def _tidy(self, now: datetime) -> None:
        for family in tuple(self._by_id.values()):
            if not family.is_live(now, self._policy):
                self._remove(family)
        self._pace.swept(len(self._by_id))
