"""Changes that may not be in force yet, in SQL."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from paseport_shared.adapters.sql.session import SqlSession
from paseport_shared.adapters.sql.tables import due_projections
from paseport_shared.domain.models.due_projection import DueProjection


class SqlDueProjections:
    """A ``DueProjections``."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    async def put(self, due: DueProjection) -> None:
        """See ``DueProjections.put``. One statement."""
        stored = due_projections.c
        row = {
            "user_id": due.user_id,
            "version": due.version,
            "revision": due.revision,
            "ends_access": due.ends_access,
            "since": due.since,
        }
        changes: dict[str, object] = {
            "version": _larger(stored.version, due.version),
            "revision": _larger(stored.revision, due.revision),
            "since": sa.case((stored.since <= due.since, stored.since), else_=due.since),
        }
        if due.ends_access:
            changes["ends_access"] = sa.true()
        await self._session.upsert(due_projections, row, changes)

    async def settle(self, user_id: UUID, revision: int) -> None:
        """See ``DueProjections.settle``."""
        stored = due_projections.c
        await self._session.execute(
            sa.delete(due_projections).where(stored.user_id == user_id, stored.revision <= revision)
        )

    async def find(self, user_id: UUID) -> DueProjection | None:
        """See ``DueProjections.find``."""
        rows = await self._session.execute(sa.select(due_projections).where(due_projections.c.user_id == user_id))
        row = rows.first()
        return None if row is None else _due(row)

    async def oldest(self, limit: int) -> tuple[DueProjection, ...]:
        """See ``DueProjections.oldest``."""
        stored = due_projections.c
        rows = await self._session.execute(
            sa.select(due_projections).order_by(stored.since, stored.user_id).limit(limit)
        )
        return tuple(_due(row) for row in rows)


def _due(row: sa.Row[Any]) -> DueProjection:
    return DueProjection(row.user_id, row.version, row.revision, row.ends_access, row.since)


def _larger(column: sa.Column[Any], value: int) -> sa.ColumnElement[Any]:
    return sa.case((column >= value, column), else_=value)
