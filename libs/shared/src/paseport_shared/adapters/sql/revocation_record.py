"""Revocations in SQL."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from paseport.revocation import Revocation, RevocationKind

from paseport_shared.adapters.sql.session import SqlSession
from paseport_shared.adapters.sql.tables import revocations


class SqlRevocationRecord:
    """A ``RevocationRecord``."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    async def add(self, revocation: Revocation) -> None:
        """See ``RevocationRecord.add``. One statement, so two of them at once cannot undo each other."""
        stored = revocations.c
        row = {
            "kind": revocation.kind.value,
            "subject": revocation.subject,
            "min_version": revocation.min_version,
            "recorded_at": revocation.recorded_at,
            "expires_at": revocation.expires_at,
        }
        stricter: dict[str, object] = {"expires_at": _larger(stored.expires_at, revocation.expires_at)}
        if revocation.min_version is not None:
            stricter["min_version"] = _larger(stored.min_version, revocation.min_version)
        await self._session.upsert(revocations, row, stricter)

    async def in_force(self, now: datetime) -> tuple[Revocation, ...]:
        """See ``RevocationRecord.in_force``."""
        stored = revocations.c
        rows = await self._session.execute(
            sa.select(revocations)
            .where(stored.expires_at > now)
            .order_by(stored.recorded_at, stored.kind, stored.subject)
        )
        return tuple(_revocation(row) for row in rows)

    async def purge(self, now: datetime) -> int:
        """See ``RevocationRecord.purge``."""
        result = await self._session.execute(sa.delete(revocations).where(revocations.c.expires_at <= now))
        return result.rowcount


def _larger(column: sa.Column[Any], value: object) -> sa.ColumnElement[Any]:
    """Return the larger of both; the value where nothing is stored."""
    offered = sa.literal(value, column.type)
    return sa.case((column >= offered, column), else_=offered)


def _revocation(row: sa.Row[Any]) -> Revocation:
    return Revocation(RevocationKind(row.kind), row.subject, row.min_version, row.recorded_at, row.expires_at)
