"""Key states in SQL."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from paseport_shared.adapters.sql.session import ConstraintViolated, SqlSession
from paseport_shared.adapters.sql.tables import signing_keys
from paseport_shared.domain.errors import AlreadyExists, NotFound, PreconditionFailed
from paseport_shared.domain.models.signing_key import KeyAlgorithm, KeyStatus, SigningKey, VerificationKey


class SqlSigningKeyRepository:
    """A ``SigningKeyRepository``.

    ``active_key_name`` repeats the key's name in the row of its ACTIVE version and is NULL in all others. It is unique,
    and NULLs are equal to nothing, so no two rows of a key can be ACTIVE, whoever writes them.

    An RSA key has a column of its own; in ``public_key`` is its SHA-256 then, so that both kinds have 32 bytes there.
    """

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    async def versions(self, key_name: str) -> tuple[SigningKey, ...]:
        """See ``SigningKeyRepository.versions``."""
        stored = signing_keys.c
        rows = await self._session.execute(
            sa.select(signing_keys).where(stored.key_name == key_name).order_by(stored.version)
        )
        return tuple(_signing_key(row) for row in rows)

    async def add(self, signing_key: SigningKey) -> None:
        """See ``SigningKeyRepository.add``."""
        key = signing_key.key
        row = {
            "key_name": signing_key.key_name,
            "version": key.version,
            "kid": key.kid,
            **_columns_of(key),
            "status": key.status.value,
            "active_key_name": _active_key_name(signing_key.key_name, key.status),
            "not_before": key.not_before,
            "not_after": key.not_after,
            "changed_at": signing_key.changed_at,
        }
        try:
            await self._session.execute(sa.insert(signing_keys).values(row))
        except ConstraintViolated as error:
            raise AlreadyExists(await self._taken(signing_key)) from error

    async def change_status(
        self,
        key_name: str,
        version: int,
        *,
        expected: KeyStatus,
        status: KeyStatus,
        at: datetime,
        not_after: datetime | None = None,
    ) -> None:
        """See ``SigningKeyRepository.change_status``. One statement: of two callers who expect the same, one wins."""
        stored = signing_keys.c
        is_version = sa.and_(stored.key_name == key_name, stored.version == version)
        changes = {
            "status": status.value,
            "active_key_name": _active_key_name(key_name, status),
            "changed_at": at,
        } | ({} if not_after is None else {"not_after": not_after})
        try:
            changed = await self._session.execute(
                sa.update(signing_keys).where(is_version, stored.status == expected.value).values(changes)
            )
        except ConstraintViolated as error:
            raise AlreadyExists("status") from error
        if changed.rowcount == 0:
            found = (await self._session.execute(sa.select(stored.status).where(is_version))).scalar_one_or_none()
            if found is None:
                raise NotFound("no such key version")
            raise PreconditionFailed(f"the key version is {found}")

    async def _taken(self, signing_key: SigningKey) -> str:
        """Say which value of a refused row is the other one's."""
        stored = signing_keys.c
        for field, condition in (
            ("version", sa.and_(stored.key_name == signing_key.key_name, stored.version == signing_key.key.version)),
            ("kid", stored.kid == signing_key.key.kid),
        ):
            found = await self._session.execute(sa.select(stored.version).where(condition))
            if found.first() is not None:
                return field
        return "status"


def _active_key_name(key_name: str, status: KeyStatus) -> str | None:
    return key_name if status is KeyStatus.ACTIVE else None


def _columns_of(key: VerificationKey) -> dict[str, bytes | None]:
    if key.algorithm is KeyAlgorithm.RS256:
        return {"public_key": hashlib.sha256(key.public_key).digest(), "rsa_public_key": key.public_key}
    return {"public_key": key.public_key, "rsa_public_key": None}


def _signing_key(row: sa.Row[Any]) -> SigningKey:
    is_rsa = row.rsa_public_key is not None
    key = VerificationKey(
        version=row.version,
        kid=row.kid,
        public_key=row.rsa_public_key if is_rsa else row.public_key,
        status=KeyStatus(row.status),
        not_before=row.not_before,
        not_after=row.not_after,
        algorithm=KeyAlgorithm.RS256 if is_rsa else KeyAlgorithm.ED25519,
    )
    return SigningKey(row.key_name, key, row.changed_at)
