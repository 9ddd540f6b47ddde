"""The audit log in SQL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from paseport_shared.adapters.sql.session import SqlSession
from paseport_shared.adapters.sql.tables import audit_events
from paseport_shared.domain.models.audit import Actor, AuditEvent


class SqlAuditLog:
    """An ``AuditLog``."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    async def append(self, event: AuditEvent) -> None:
        """See ``AuditLog.append``."""
        row = {
            "id": event.id,
            "at": event.at,
            "actor_subject": event.actor.subject,
            "actor_client_id": event.actor.client_id,
            "actor_address": event.actor.address,
            "actor_request_id": event.actor.request_id,
            "action": event.action,
            "target": event.target,
            "before": _as_json(event.before),
            "after": _as_json(event.after),
        }
        await self._session.upsert(audit_events, row)

    async def latest(self, limit: int, before: UUID | None = None) -> tuple[AuditEvent, ...]:
        """See ``AuditLog.latest``."""
        statement = sa.select(audit_events).order_by(audit_events.c.id.desc()).limit(limit)
        if before is not None:
            statement = statement.where(audit_events.c.id < before)
        rows = await self._session.execute(statement)
        return tuple(_event(row) for row in rows)


def _as_json(values: Mapping[str, object]) -> dict[str, object]:
    """Return the values in JSON's types; TypeError or ValueError where JSON has no word for one."""
    result: dict[str, object] = json.loads(json.dumps(dict(values), allow_nan=False))
    return result


def _event(row: sa.Row[Any]) -> AuditEvent:
    return AuditEvent(
        id=row.id,
        at=row.at,
        actor=Actor(row.actor_subject, row.actor_client_id, row.actor_address, row.actor_request_id),
        action=row.action,
        target=row.target,
        before=row.before,
        after=row.after,
    )
