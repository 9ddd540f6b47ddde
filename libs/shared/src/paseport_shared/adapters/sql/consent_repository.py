"""Consents in SQL."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from paseport_shared.adapters.sql.session import ConstraintViolated, SqlSession
from paseport_shared.adapters.sql.tables import consents
from paseport_shared.domain.errors import NotFound
from paseport_shared.domain.models.consent import Consent


class SqlConsentRepository:
    """A ``ConsentRepository``."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    async def find(self, user_id: UUID, client_id: str) -> Consent | None:
        """See ``ConsentRepository.find``."""
        rows = await self._session.execute(
            sa.select(consents).where(consents.c.user_id == user_id, consents.c.client_id == client_id)
        )
        row = rows.one_or_none()
        return None if row is None else _consent(row)

    async def list_for_user(self, user_id: UUID) -> tuple[Consent, ...]:
        """See ``ConsentRepository.list_for_user``."""
        rows = await self._session.execute(
            sa.select(consents)
            .where(consents.c.user_id == user_id)
            .order_by(consents.c.granted_at.desc(), consents.c.client_id)
        )
        return tuple(_consent(row) for row in rows)

    async def save(self, consent: Consent) -> None:
        """See ``ConsentRepository.save``."""
        granted = {"scope": sorted(consent.scope), "granted_at": consent.granted_at}
        try:
            await self._session.upsert(
                consents, {"user_id": consent.user_id, "client_id": consent.client_id, **granted}, granted
            )
        except ConstraintViolated as error:
            raise NotFound("no such user") from error

    async def remove(self, user_id: UUID, client_id: str) -> bool:
        """See ``ConsentRepository.remove``."""
        rows = await self._session.execute(
            sa.delete(consents)
            .where(consents.c.user_id == user_id, consents.c.client_id == client_id)
            .returning(consents.c.client_id)
        )
        return rows.one_or_none() is not None


def _consent(row: sa.Row[Any]) -> Consent:
    return Consent(row.user_id, row.client_id, frozenset(row.scope), row.granted_at)
