"""Refresh token families."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from uuid import UUID

from paseport_shared.domain.models.refresh_token import Advance, RefreshFamily


class RefreshTokenStore(Protocol):
    """Families of refresh tokens: one small record each, whatever the number of tokens.

    The store holds the rotation's grace and idle life (``RefreshPolicy``). A family that its user's index does not
    list is treated as revoked and removed (TE-18). Every method raises ``Unavailable`` when the store does not
    answer, or could not confirm a write on as many replicas as it must.
    """

    async def open_family(self, family: RefreshFamily) -> None:
        """Store a new family of generation 0. Raises ``AlreadyExists`` for a known id."""
        ...

    async def find_family(self, family_id: str, now: datetime) -> RefreshFamily | None:
        """Return the family while it is live, else None."""
        ...

    async def advance(self, family_id: str, generation: int, now: datetime) -> Advance:
        """Present a genuine token of ``generation``: decide (``refresh_token.judge``) and act in one atomic step.

        ROTATE makes ``generation + 1`` the live one; REPLAY answers the live one and changes nothing but an
        unconfirmed mark; LATE changes nothing; REUSE removes the family; GONE: there is none, or it expired. Of
        concurrent callers with one generation exactly one gets ROTATE. Never retried by a driver: a repeated advance
        is another presentation.
        """
        ...

    async def revoke_family(self, family_id: str) -> RefreshFamily | None:
        """Remove the family and return it, or None where there was none. Of concurrent callers one gets it.

        Repeating a removal that was not confirmed confirms it, though there is nothing left to remove.
        """
        ...

    async def list_for_user(self, user_id: UUID, now: datetime) -> tuple[RefreshFamily, ...]:
        """Return the user's live families, the most recently advanced first."""
        ...

    async def revoke_session(self, user_id: UUID, session_id: str) -> tuple[RefreshFamily, ...]:
        """Remove the online families of one session and return them; offline ones stay."""
        ...

    async def revoke_client(self, user_id: UUID, client_id: str) -> tuple[RefreshFamily, ...]:
        """Remove all that one client has of the user, online and offline, and return it.

        As with one family, a repeated removal is confirmed though there is nothing left to remove.
        """
        ...

    async def revoke_all(self, user_id: UUID) -> tuple[RefreshFamily, ...]:
        """Remove all of the user's families, online and offline, and return them."""
        ...
