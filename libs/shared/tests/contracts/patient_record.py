"""The record on a database, for tests that are not about time."""

from __future__ import annotations

from datetime import timedelta

from paseport_shared.adapters.sql.record import SqlRecord
from sqlalchemy.ext.asyncio import AsyncEngine

_TIME_ENOUGH = timedelta(seconds=30)


def patient_record(engine: AsyncEngine) -> SqlRecord:
    """Return a record that waits longer than a service would.

    What is promised about time is tested where it is the subject; a busy machine breaks nothing else.
    """
    return SqlRecord(engine, deadline=_TIME_ENOUGH, patience=_TIME_ENOUGH)
