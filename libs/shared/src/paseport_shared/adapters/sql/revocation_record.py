"""Revocations in SQL."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from paseport.revocation import Revocation, RevocationKind

from paseport_shared.adapters.sql.session import Offered, SqlSession
from paseport_shared.adapters.sql.tables import revocations

_TOGETHER: Final = 200


class SqlRevocationRecord:
    """A ``RevocationRecord``."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    async def add(self, *added: Revocation) -> None:
        """See ``RevocationRecord.add``. One statement for each, so two of them at once cannot undo each other.

        Many go together, in one order whoever adds them: who adds the same ones waits for the first.
        """
        rows = [
            {
                "kind": revocation.kind.value,
                "subject": revocation.subject,
                "min_version": revocation.min_version,
                "recorded_at": revocation.recorded_at,
                "expires_at": revocation.expires_at,
            }
            for revocation in sorted(added, key=lambda revocation: (revocation.kind.value, revocation.subject))
        ]
        for begin in range(0, len(rows), _TOGETHER):
            await self._session.upsert_all(revocations, rows[begin : begin + _TOGETHER], _stricter)

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


def _stricter(offered: Offered) -> dict[str, object]:
    stored = revocations.c
    return {name: _larger(stored[name], offered[name]) for name in ("min_version", "expires_at")}


def _larger(stored: sa.Column[Any], offered: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Return the larger of both; the one there is where the other is NULL."""
    return sa.case((sa.or_(offered.is_(None), stored >= offered), stored), else_=offered)


def _revocation(row: sa.Row[Any]) -> Revocation:
    return Revocation(RevocationKind(row.kind), row.subject, row.min_version, row.recorded_at, row.expires_at)
