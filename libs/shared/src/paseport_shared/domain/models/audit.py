"""What happened, who did it, to whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a user's ``sub`` (or a client id), through which client, from where. All of it is a plain value."""

    subject: str
    client_id: str
    address: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One line of the audit log.

    ``action`` is ``<thing>.<verb>``, e.g. ``user.updated``. ``target`` is an id, never a name, so that erasing a user
    leaves a pseudonym. ``before`` and ``after`` hold the changed fields, without secrets.
    """

    id: UUID
    at: datetime
    actor: Actor
    action: str
    target: str | None
    before: Mapping[str, object] = field(default_factory=dict)
    after: Mapping[str, object] = field(default_factory=dict)
