"""Users, events and links that the record's suites work with, and the short way to a transaction."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

from paseport_shared.domain.models.audit import Actor, AuditEvent
from paseport_shared.domain.models.identifiers import uuid7
from paseport_shared.domain.models.user import User
from paseport_shared.domain.ports.record import Record, RecordTransaction

NOW = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)
HASH = "{bcrypt-hmac,p=1}$2b$12$abcdefghijklmnopqrstuuKc1hB2b9ePbM2s1nVnZpV5JtqXvR3eK"

Cut: TypeAlias = Callable[[], AbstractAsyncContextManager[None]]
"""How an adapter's test takes the database away: it is gone inside the block and back behind it, with its rows."""


def an_id(number: int, at: datetime = NOW) -> UUID:
    """The id numbered ``number``; ids have the order of their numbers."""
    return uuid7(at, number.to_bytes(10))


def a_user(number: int, **changes: Any) -> User:
    """The user numbered ``number``, as stored first."""
    user = User(
        id=an_id(number),
        username=f"user{number}",
        email=f"user{number}@example.com",
        display_name=None,
        password_hash=HASH,
        roles=frozenset({"User"}),
        disabled=False,
        built_in=False,
        version=1,
        revision=1,
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(user, **changes)


def an_admin(number: int, **changes: Any) -> User:
    """A person who can administer."""
    return a_user(number, roles=frozenset({"Admin", "User"}), **changes)


def changed(user: User, **changes: Any) -> User:
    """The user after one more stored change."""
    return replace(user, revision=user.revision + 1, updated_at=user.updated_at + timedelta(seconds=1), **changes)


def an_event(number: int, **changes: Any) -> AuditEvent:
    """The event numbered ``number``: an admin changed a user's roles."""
    event = AuditEvent(
        id=an_id(number),
        at=NOW + timedelta(seconds=number),
        actor=Actor(str(an_id(0)), "web", "192.0.2.7", f"request-{number}"),
        action="user.updated",
        target=str(an_id(1)),
        before={"roles": ["User"], "disabled": False},
        after={"roles": ["Admin", "User"], "disabled": True},
    )
    return replace(event, **changes)


async def add_users(record: Record, *users: User) -> None:
    """Store users, one transaction for all."""

    async def work(transaction: RecordTransaction) -> None:
        for user in users:
            await transaction.users.add(user)

    await record.transact(work)


async def get_user(record: Record, user_id: UUID) -> User:
    """Read a user in a transaction of its own."""
    return await record.transact(lambda transaction: transaction.users.get(user_id))
