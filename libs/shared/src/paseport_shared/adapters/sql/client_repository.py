"""Clients in SQL."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from paseport_shared.adapters.sql.session import ConstraintViolated, SqlSession
from paseport_shared.adapters.sql.tables import clients
from paseport_shared.adapters.sql.types import is_storable
from paseport_shared.domain.errors import AlreadyExists, NotFound, PreconditionFailed
from paseport_shared.domain.models.client import (
    ApplicationType,
    Client,
    ClientAuthMethod,
    ClientKind,
    ClientSecretHash,
    ClientSource,
    GrantType,
)
from paseport_shared.domain.models.client_registry import ClientEntry, ClientPage, ClientQuery, DeletedClient
from paseport_shared.domain.models.identifiers import canonical

_MAX_BIGINT: Final = (1 << 63) - 1


class SqlClientRepository:
    """A ``ClientRepository``. One row a client, deleted ones included; what is a list is read and written whole."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    async def get(self, client_id: str, kind: ClientKind = ClientKind.OAUTH) -> Client:
        """See ``ClientRepository.get``."""
        client = await self.find(client_id)
        if client is None or client.kind is not kind:
            raise NotFound("no such client")
        return client

    async def find(self, client_id: str) -> Client | None:
        """See ``ClientRepository.find``."""
        entry = await self.find_entry(client_id)
        return entry if isinstance(entry, Client) else None

    async def add(self, client: Client) -> None:
        """See ``ClientRepository.add``."""
        row = _row(client) | {"projected_revision": 0}
        try:
            await self._session.execute(sa.insert(clients).values(row))
        except ConstraintViolated as error:
            raise AlreadyExists("client_id") from error

    async def update(self, client: Client, *, expected_revision: int) -> None:
        """See ``ClientRepository.update``."""
        condition = _is_revision(client.client_id, expected_revision)
        changed = await self._session.execute(sa.update(clients).where(condition).values(_row(client)))
        if changed.rowcount == 0:
            raise await self._missed(client.client_id)

    async def delete(self, client_id: str, *, expected_revision: int, at: datetime) -> None:
        """See ``ClientRepository.delete``."""
        deleted = await self._session.execute(
            sa.update(clients)
            .where(_is_revision(client_id, expected_revision))
            .values(deleted_at=at, updated_at=at, revision=clients.c.revision + 1, secrets=[], disabled=True)
        )
        if deleted.rowcount == 0:
            raise await self._missed(client_id)

    async def page(self, query: ClientQuery) -> ClientPage:
        """See ``ClientRepository.page``."""
        needle = canonical(query.search)
        if not is_storable(needle):
            return ClientPage(items=(), next=None, total=0)
        conditions: list[sa.ColumnElement[bool]] = [
            clients.c.deleted_at.is_(None),
            clients.c.kind == query.kind.value,
            clients.c.client_id.not_in(sorted(query.excluded)),
        ]
        if needle:
            # INSTR, not LIKE: no character of the search means anything but itself. Ids are ASCII.
            columns = (sa.func.lower(clients.c.client_id), clients.c.canonical_name)
            conditions.append(sa.or_(*(sa.func.instr(column, needle) > 0 for column in columns)))
        statement = sa.select(clients).where(*conditions)
        if query.after is not None:
            statement = statement.where(clients.c.client_id > query.after)
        found = await self._entries(statement.order_by(clients.c.client_id).limit(query.limit + 1))
        items = tuple(entry for entry in found[: query.limit] if isinstance(entry, Client))
        total = await self._session.execute(sa.select(sa.func.count()).select_from(clients).where(*conditions))
        return ClientPage(items, items[-1].client_id if len(found) > len(items) else None, total.scalar_one())

    async def entries(self, after: str | None, limit: int) -> tuple[ClientEntry, ...]:
        """See ``ClientRepository.entries``."""
        statement = sa.select(clients).order_by(clients.c.client_id).limit(limit)
        return await self._entries(statement if after is None else statement.where(clients.c.client_id > after))

    async def find_entry(self, client_id: str) -> ClientEntry | None:
        """See ``ClientRepository.find_entry``."""
        if not is_storable(client_id):
            return None
        found = await self._entries(sa.select(clients).where(clients.c.client_id == client_id))
        return found[0] if found else None

    async def due(self, limit: int) -> tuple[ClientEntry, ...]:
        """See ``ClientRepository.due``."""
        return await self._entries(
            sa.select(clients)
            .where(clients.c.projected_revision < clients.c.revision)
            .order_by(clients.c.client_id)
            .limit(limit)
        )

    async def settle(self, client_id: str, revision: int) -> None:
        """See ``ClientRepository.settle``. The larger of two stays: they may be settled in any order."""
        stored = clients.c
        await self._session.execute(
            sa.update(clients)
            .where(stored.client_id == client_id, stored.projected_revision < revision, stored.revision >= revision)
            .values(projected_revision=revision)
        )

    async def _entries(self, statement: sa.Select[Any]) -> tuple[ClientEntry, ...]:
        return tuple(_entry(row) for row in await self._session.execute(statement))

    async def _missed(self, client_id: str) -> NotFound | PreconditionFailed:
        """Say why a conditional write found nothing."""
        stored = await self.find(client_id)
        return NotFound("no such client") if stored is None else PreconditionFailed(f"revision is {stored.revision}")


def _row(client: Client) -> dict[str, Any]:
    return {
        "client_id": client.client_id,
        "kind": client.kind.value,
        "name": client.name,
        "canonical_name": canonical(client.name),
        "first_party": client.first_party,
        "scope": list(client.scope),
        "audience": client.audience,
        "audiences": list(client.audiences),
        "application_type": client.application_type.value,
        "auth_method": client.auth_method.value,
        "secrets": [_secret(held) for held in client.secrets],
        "grants": sorted(grant.value for grant in client.grants),
        "redirect_uris": list(client.redirect_uris),
        "post_logout_redirect_uris": list(client.post_logout_redirect_uris),
        "require_pkce": client.require_pkce,
        "access_token_seconds": _seconds(client.access_token_lifetime),
        "refresh_seconds": _seconds(client.refresh_lifetime),
        "disabled": client.disabled,
        "revision": client.revision,
        "created_at": client.created_at,
        "updated_at": client.updated_at,
    }


def _entry(row: sa.Row[Any]) -> ClientEntry:
    if row.deleted_at is not None:
        return DeletedClient(row.client_id, row.revision, row.deleted_at)
    return Client(
        row.client_id,
        name=row.name,
        first_party=row.first_party,
        scope=tuple(row.scope),
        audience=row.audience,
        audiences=tuple(row.audiences),
        application_type=ApplicationType(row.application_type),
        auth_method=ClientAuthMethod(row.auth_method),
        secrets=tuple(_secrets(row.secrets)),
        grants=frozenset(map(GrantType, row.grants)),
        redirect_uris=tuple(row.redirect_uris),
        post_logout_redirect_uris=tuple(row.post_logout_redirect_uris),
        require_pkce=row.require_pkce,
        access_token_lifetime=_duration(row.access_token_seconds),
        refresh_lifetime=_duration(row.refresh_seconds),
        disabled=row.disabled,
        source=ClientSource.RECORD,
        kind=ClientKind(row.kind),
        revision=row.revision,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _secret(held: ClientSecretHash) -> dict[str, str | None]:
    return {
        "id": held.id,
        "sha256": held.digest.hex(),
        "created_at": _text(held.created_at),
        "expires_at": _text(held.expires_at),
    }


def _secrets(stored: Iterable[dict[str, str | None]]) -> Iterable[ClientSecretHash]:
    for held in stored:
        yield ClientSecretHash(
            held["id"] or "",
            bytes.fromhex(held["sha256"] or ""),
            _moment(held["created_at"]),
            _moment(held["expires_at"]),
        )


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _seconds(duration: timedelta | None) -> int | None:
    return None if duration is None else duration // timedelta(seconds=1)


def _duration(seconds: int | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _is_revision(client_id: str, revision: int) -> sa.ColumnElement[bool]:
    # People send revisions (If-Match) and ids. What no column can hold is simply not the stored one.
    if not 0 <= revision <= _MAX_BIGINT or not is_storable(client_id):
        return sa.false()
    return sa.and_(clients.c.client_id == client_id, clients.c.revision == revision, clients.c.deleted_at.is_(None))
