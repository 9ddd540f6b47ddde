"""Linked identities in SQL."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from paseport_shared.adapters.sql.session import ConstraintViolated, SqlSession
from paseport_shared.adapters.sql.tables import linked_identities, users
from paseport_shared.adapters.sql.types import is_storable
from paseport_shared.domain.errors import AlreadyExists, NotFound
from paseport_shared.domain.models.linked_identity import LinkedIdentity


class SqlLinkedIdentityRepository:
    """A ``LinkedIdentityRepository``. Identities go with their user (foreign key)."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    async def find(self, namespace: str, subject: str) -> LinkedIdentity | None:
        """See ``LinkedIdentityRepository.find``."""
        if not _is_identity(namespace, subject):
            return None
        rows = await self._session.execute(
            sa.select(linked_identities).where(
                linked_identities.c.namespace == namespace, linked_identities.c.subject == subject
            )
        )
        row = rows.one_or_none()
        return None if row is None else _identity(row)

    async def list_for_user(self, user_id: UUID) -> tuple[LinkedIdentity, ...]:
        """See ``LinkedIdentityRepository.list_for_user``."""
        rows = await self._session.execute(
            sa.select(linked_identities)
            .where(linked_identities.c.user_id == user_id)
            .order_by(linked_identities.c.linked_at, linked_identities.c.id)
        )
        return tuple(map(_identity, rows))

    async def add(self, identity: LinkedIdentity) -> None:
        """See ``LinkedIdentityRepository.add``. ValueError for one that ``find`` could never find."""
        if not _is_identity(identity.namespace, identity.subject):
            # SQLite would keep it, however long it is.
            message = "an identity does not fit its columns"
            raise ValueError(message)
        try:
            await self._session.execute(sa.insert(linked_identities).values(_row(identity)))
        except ConstraintViolated as error:
            raise await self._refusal(identity) from error

    async def note_use(self, identity_id: UUID, *, email: str | None, at: datetime) -> None:
        """See ``LinkedIdentityRepository.note_use``."""
        await self._session.execute(
            sa.update(linked_identities)
            .where(linked_identities.c.id == identity_id)
            .values(email=email, last_used_at=at)
        )

    async def remove(self, identity_id: UUID, user_id: UUID) -> LinkedIdentity | None:
        """See ``LinkedIdentityRepository.remove``."""
        rows = await self._session.execute(
            sa.delete(linked_identities)
            .where(linked_identities.c.id == identity_id, linked_identities.c.user_id == user_id)
            .returning(*linked_identities.c)
        )
        row = rows.one_or_none()
        return None if row is None else _identity(row)

    async def _refusal(self, identity: LinkedIdentity) -> AlreadyExists | NotFound:
        """Say which constraint refused a row: engines check theirs in different orders."""
        if await self.find(identity.namespace, identity.subject) is not None:
            return AlreadyExists("identity")
        owner = await self._session.execute(sa.select(users.c.id).where(users.c.id == identity.user_id))
        return NotFound("no such user") if owner.first() is None else AlreadyExists("id")


def _row(identity: LinkedIdentity) -> dict[str, Any]:
    return {
        "id": identity.id,
        "namespace": identity.namespace,
        "subject": identity.subject,
        "user_id": identity.user_id,
        "provider_id": identity.provider_id,
        "email": identity.email,
        "linked_at": identity.linked_at,
        "last_used_at": identity.last_used_at,
    }


def _identity(row: sa.Row[Any]) -> LinkedIdentity:
    return LinkedIdentity(
        id=row.id,
        namespace=row.namespace,
        subject=row.subject,
        user_id=row.user_id,
        provider_id=row.provider_id,
        email=row.email,
        linked_at=row.linked_at,
        last_used_at=row.last_used_at,
    )


def _is_identity(namespace: str, subject: str) -> bool:
    columns = linked_identities.c
    return is_storable(namespace, columns.namespace) and is_storable(subject, columns.subject)
