"""Password reset links in SQL."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from paseport_shared.adapters.sql.session import ConstraintViolated, SqlSession
from paseport_shared.adapters.sql.tables import password_resets
from paseport_shared.domain.errors import NotFound
from paseport_shared.domain.models.password_reset import PasswordReset


class SqlPasswordResetRepository:
    """A ``PasswordResetRepository``."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    async def put(self, reset: PasswordReset) -> None:
        """See ``PasswordResetRepository.put``. Raises ``NotFound`` for a user that does not exist."""
        link = {"token_hash": reset.token_hash, "created_at": reset.created_at, "expires_at": reset.expires_at}
        try:
            await self._session.upsert(password_resets, {"user_id": reset.user_id, **link}, link)
        except ConstraintViolated as error:
            raise NotFound("no such user") from error

    async def find(self, token_hash: bytes, now: datetime) -> PasswordReset | None:
        """See ``PasswordResetRepository.find``."""
        rows = await self._session.execute(
            sa.select(password_resets).where(
                password_resets.c.token_hash == token_hash, password_resets.c.expires_at > now
            )
        )
        row = rows.one_or_none()
        return None if row is None else _reset(row)

    async def consume(self, token_hash: bytes, now: datetime) -> PasswordReset | None:
        """See ``PasswordResetRepository.consume``."""
        rows = await self._session.execute(
            sa.delete(password_resets)
            .where(password_resets.c.token_hash == token_hash, password_resets.c.expires_at > now)
            .returning(*password_resets.c)
        )
        row = rows.one_or_none()
        return None if row is None else _reset(row)


def _reset(row: sa.Row[Any]) -> PasswordReset:
    return PasswordReset(row.user_id, row.token_hash, row.created_at, row.expires_at)
