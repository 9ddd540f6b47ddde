"""Changes that are on record and may not be in force everywhere yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class DueProjection:
    """A user whose read model may be older than the record.

    ``version`` and ``revision`` are the user's after the change, for one who was deleted by it. ``ends_access``: the
    change also ends all sessions and tokens below ``version``. ``since`` is when the first change of those that are
    due was recorded.
    """

    user_id: UUID
    version: int
    revision: int
    ends_access: bool
    since: datetime
