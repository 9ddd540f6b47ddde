"""API keys in SQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from paseport_shared.adapters.sql.session import ConstraintViolated, SqlSession
from paseport_shared.adapters.sql.tables import api_keys, users
from paseport_shared.adapters.sql.types import is_storable
from paseport_shared.domain.errors import AlreadyExists, InvalidRequest, NotFound, PreconditionFailed
from paseport_shared.domain.models.api_key import (
    ApiKey,
    ApiKeyEntry,
    ApiKeyPage,
    ApiKeyQuery,
    ApiKeySecret,
    ApiKeyUse,
    DeletedApiKey,
)
from paseport_shared.domain.models.identifiers import canonical
from paseport_shared.domain.models.rate_limit import RateLimit

_MAX_BIGINT: Final = (1 << 63) - 1
_IS_LIVE: Final = api_keys.c.deleted_at.is_(None)


class SqlApiKeyRepository:
    """An ``ApiKeyRepository``. One row a key, revoked ones included; what is a list is read and written whole."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    async def add(self, key: ApiKey) -> None:
        """See ``ApiKeyRepository.add``."""
        row = _row(key) | {"last_used_at": key.last_used_at, "use_count": key.use_count}
        try:
            await self._session.execute(sa.insert(api_keys).values(row))
        except ConstraintViolated as error:
            raise AlreadyExists("legacy_digest" if await self.find_entry(key.id) is None else "id") from error

    async def get(self, key_id: str) -> ApiKey:
        """See ``ApiKeyRepository.get``."""
        entry = await self.find_entry(key_id)
        if not isinstance(entry, ApiKey):
            raise NotFound("no such key")
        return entry

    async def find_legacy(self, digest: str) -> ApiKey | None:
        """See ``ApiKeyRepository.find_legacy``."""
        if not is_storable(digest):
            return None
        found = await self._entries(sa.select(api_keys).where(api_keys.c.legacy_digest == digest, _IS_LIVE))
        return next((entry for entry in found if isinstance(entry, ApiKey)), None)

    async def page(self, query: ApiKeyQuery) -> ApiKeyPage:
        """See ``ApiKeyRepository.page``."""
        needle = canonical(query.search)
        if not is_storable(needle):
            return ApiKeyPage(items=(), next=None, total=0)
        conditions: list[sa.ColumnElement[bool]] = [_IS_LIVE]
        if query.owner_id is not None:
            conditions.append(api_keys.c.owner_id == query.owner_id)
        if needle:
            # INSTR, not LIKE: no character of the search means anything but itself. A deleted owner has no keys.
            columns = (api_keys.c.canonical_name, api_keys.c.canonical_comment)
            named = sa.select(users.c.id).where(sa.func.instr(users.c.canonical_username, needle) > 0)
            conditions.append(
                sa.or_(*(sa.func.instr(column, needle) > 0 for column in columns), api_keys.c.owner_id.in_(named))
            )
        statement = sa.select(api_keys).where(*conditions)
        if query.after is not None:
            statement = statement.where(await self._is_behind(query.after))
        newest_first = statement.order_by(api_keys.c.created_at.desc(), api_keys.c.id.desc())
        found = await self._entries(newest_first.limit(query.limit + 1))
        items = tuple(entry for entry in found[: query.limit] if isinstance(entry, ApiKey))
        total = await self._session.execute(sa.select(sa.func.count()).select_from(api_keys).where(*conditions))
        return ApiKeyPage(items, items[-1].id if len(found) > len(items) else None, total.scalar_one())

    async def count_for(self, owner_id: UUID) -> int:
        """See ``ApiKeyRepository.count_for``."""
        statement = sa.select(sa.func.count()).select_from(api_keys).where(api_keys.c.owner_id == owner_id, _IS_LIVE)
        count: int = (await self._session.execute(statement)).scalar_one()
        return count

    async def update(self, key: ApiKey, expected_revision: int) -> None:
        """See ``ApiKeyRepository.update``."""
        if not is_storable(key.id):
            raise NotFound("no such key")
        # People send revisions (If-Match). One that no column can hold is simply not the stored one.
        is_possible = 0 <= expected_revision <= _MAX_BIGINT
        condition = (api_keys.c.revision == expected_revision) if is_possible else sa.false()
        try:
            changed = await self._session.execute(
                sa.update(api_keys).where(api_keys.c.id == key.id, _IS_LIVE, condition).values(_row(key))
            )
        except ConstraintViolated as error:
            raise AlreadyExists("legacy_digest") from error
        if changed.rowcount == 0:
            raise PreconditionFailed(f"revision is {(await self.get(key.id)).revision}")

    async def remove(self, key_id: str, now: datetime) -> ApiKeyEntry:
        """See ``ApiKeyRepository.remove``."""
        if not is_storable(key_id) or not await self._revoke(api_keys.c.id == key_id, now):
            raise NotFound("no such key")
        (left,) = await self._entries(sa.select(api_keys).where(api_keys.c.id == key_id))
        return left

    async def remove_all_of(self, owner_id: UUID, now: datetime) -> tuple[ApiKeyEntry, ...]:
        """See ``ApiKeyRepository.remove_all_of``."""
        theirs = api_keys.c.owner_id == owner_id
        owned = await self._session.execute(
            sa.select(api_keys.c.id, api_keys.c.revision, api_keys.c.legacy_digest)
            .where(theirs, _IS_LIVE)
            .order_by(api_keys.c.id)
        )
        left = tuple(DeletedApiKey(row.id, row.revision + 1, row.legacy_digest) for row in owned)
        await self._revoke(theirs, now)
        return left

    async def find_entry(self, key_id: str) -> ApiKeyEntry | None:
        """See ``ApiKeyRepository.find_entry``."""
        if not is_storable(key_id):
            return None
        found = await self._entries(sa.select(api_keys).where(api_keys.c.id == key_id))
        return found[0] if found else None

    async def entries(self, after: str | None, limit: int) -> tuple[ApiKeyEntry, ...]:
        """See ``ApiKeyRepository.entries``."""
        statement = sa.select(api_keys).order_by(api_keys.c.id).limit(limit)
        return await self._entries(statement if after is None else statement.where(api_keys.c.id > after))

    async def due(self, limit: int) -> tuple[ApiKeyEntry, ...]:
        """See ``ApiKeyRepository.due``."""
        return await self._entries(
            sa.select(api_keys)
            .where(api_keys.c.due_since.is_not(None))
            .order_by(api_keys.c.due_since, api_keys.c.id)
            .limit(limit)
        )

    async def settle(self, key_id: str, revision: int) -> None:
        """See ``ApiKeyRepository.settle``."""
        await self._session.execute(
            sa.update(api_keys).where(api_keys.c.id == key_id, api_keys.c.revision == revision).values(due_since=None)
        )

    async def note_uses(self, uses: Sequence[ApiKeyUse]) -> None:
        """See ``ApiKeyRepository.note_uses``. In the order of ids: two that note the same keys queue for the first."""
        if not uses:
            return
        stored = api_keys.c
        count: sa.BindParameter[int] = sa.bindparam("more")
        at = sa.bindparam("at", type_=stored.last_used_at.type)
        later = sa.case((stored.last_used_at >= at, stored.last_used_at), else_=at)
        statement = (
            sa.update(api_keys)
            .where(stored.id == sa.bindparam("key"))
            .values(use_count=stored.use_count + count, last_used_at=later)
        )
        noted = sorted(uses, key=lambda use: use.key_id)
        await self._session.execute(
            statement, [{"key": use.key_id, "more": use.count, "at": use.last_used_at} for use in noted]
        )

    async def _entries(self, statement: sa.Select[Any]) -> tuple[ApiKeyEntry, ...]:
        return tuple(_entry(row) for row in await self._session.execute(statement))

    async def _is_behind(self, key_id: str) -> sa.ColumnElement[bool]:
        if not is_storable(key_id):
            raise InvalidRequest("the page position is no key")
        rows = await self._session.execute(sa.select(api_keys.c.created_at).where(api_keys.c.id == key_id))
        created_at = rows.scalar_one_or_none()
        if created_at is None:
            raise InvalidRequest("the page position is no key")
        stored = api_keys.c
        return sa.or_(stored.created_at < created_at, sa.and_(stored.created_at == created_at, stored.id < key_id))

    async def _revoke(self, condition: sa.ColumnElement[bool], now: datetime) -> int:
        """Leave nothing of keys that says what they were for, or whom to ask (DT-08)."""
        nothing: dict[str, Any] = {
            **dict.fromkeys(("name", "canonical_name", "comment", "canonical_comment"), ""),
            **{name: [] for name in ("roles", "scopes", "hosts", "paths", "methods", "networks", "secrets")},
            "email": None,
            "rate_limit": None,
        }
        revoked = await self._session.execute(
            sa.update(api_keys)
            .where(condition, _IS_LIVE)
            .values(
                **nothing,
                disabled=True,
                revision=api_keys.c.revision + 1,
                updated_at=now,
                deleted_at=now,
                due_since=now,
            )
        )
        return revoked.rowcount


def _row(key: ApiKey) -> dict[str, Any]:
    """Return all columns but the counters, which change by themselves."""
    limit = key.rate_limit
    return {
        "id": key.id,
        "owner_id": key.owner_id,
        "name": key.name,
        "canonical_name": canonical(key.name),
        "comment": key.comment,
        "canonical_comment": canonical(key.comment),
        "email": key.email,
        "roles": sorted(key.roles),
        "scopes": list(key.scopes),
        "hosts": list(key.hosts),
        "paths": list(key.paths),
        "methods": sorted(key.methods),
        "networks": list(key.networks),
        "rate_limit": limit and {"count": limit.count, "seconds": limit.window.total_seconds(), "strict": limit.strict},
        "secrets": [_secret(held) for held in key.secrets],
        "legacy_digest": key.legacy_digest,
        "disabled": key.disabled,
        "expires_at": key.expires_at,
        "created_at": key.created_at,
        "updated_at": key.updated_at,
        "revision": key.revision,
        "due_since": key.updated_at,
    }


def _entry(row: sa.Row[Any]) -> ApiKeyEntry:
    if row.deleted_at is not None:
        return DeletedApiKey(row.id, row.revision, row.legacy_digest)
    limit = row.rate_limit
    return ApiKey(
        id=row.id,
        owner_id=row.owner_id,
        name=row.name,
        comment=row.comment,
        email=row.email,
        roles=frozenset(row.roles),
        scopes=tuple(row.scopes),
        hosts=tuple(row.hosts),
        paths=tuple(row.paths),
        methods=frozenset(row.methods),
        networks=tuple(row.networks),
        rate_limit=limit and RateLimit(limit["count"], timedelta(seconds=limit["seconds"]), limit["strict"]),
        secrets=tuple(_secrets(row.secrets)),
        legacy_digest=row.legacy_digest,
        disabled=row.disabled,
        expires_at=row.expires_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
        revision=row.revision,
        last_used_at=row.last_used_at,
        use_count=row.use_count,
    )


def _secret(held: ApiKeySecret) -> dict[str, str | int | None]:
    return {
        "digest": held.digest.hex(),
        "pepper": held.pepper_version,
        "created_at": held.created_at.isoformat(),
        "expires_at": None if held.expires_at is None else held.expires_at.isoformat(),
    }


def _secrets(stored: Iterable[dict[str, Any]]) -> Iterable[ApiKeySecret]:
    for held in stored:
        ends = held["expires_at"]
        yield ApiKeySecret(
            bytes.fromhex(held["digest"]),
            held["pepper"],
            datetime.fromisoformat(held["created_at"]),
            None if ends is None else datetime.fromisoformat(ends),
        )
