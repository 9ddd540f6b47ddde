"""Identity providers in SQL."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from paseport_shared.adapters.sql.session import ConstraintViolated, SqlSession
from paseport_shared.adapters.sql.tables import identity_providers
from paseport_shared.adapters.sql.types import is_storable
from paseport_shared.domain.errors import AlreadyExists, NotFound, PreconditionFailed
from paseport_shared.domain.models.authorization import ResponseMode
from paseport_shared.domain.models.client import ClientAuthMethod
from paseport_shared.domain.models.identity_provider import (
    ApiAccess,
    ClaimMapping,
    GroupRole,
    IdentityProvider,
    OAuth2Endpoints,
    ProviderKind,
    TrustEmail,
)

_MAX_BIGINT: Final = (1 << 63) - 1


class SqlProviderRepository:
    """A ``ProviderRepository``. One row a provider; what is a list is read and written whole."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    async def get(self, provider_id: UUID) -> IdentityProvider:
        """See ``ProviderRepository.get``."""
        provider = await self._find(identity_providers.c.id == provider_id)
        if provider is None:
            raise NotFound("no such provider")
        return provider

    async def find_by_name(self, name: str) -> IdentityProvider | None:
        """See ``ProviderRepository.find_by_name``."""
        column = identity_providers.c.name
        return await self._find(column == name) if is_storable(name, column) else None

    async def list_all(self) -> tuple[IdentityProvider, ...]:
        """See ``ProviderRepository.list_all``."""
        stored = identity_providers.c
        rows = await self._session.execute(sa.select(identity_providers).order_by(stored.position, stored.name))
        return tuple(map(_provider, rows))

    async def add(self, provider: IdentityProvider) -> None:
        """See ``ProviderRepository.add``."""
        try:
            await self._session.execute(sa.insert(identity_providers).values(_row(provider)))
        except ConstraintViolated as error:
            named = await self.find_by_name(provider.name)
            raise AlreadyExists("id" if named is None else "name") from error

    async def update(self, provider: IdentityProvider, *, expected_revision: int) -> None:
        """See ``ProviderRepository.update``."""
        changes = {column: value for column, value in _row(provider).items() if column not in {"id", "name"}}
        changed = await self._session.execute(
            sa.update(identity_providers).where(_is_revision(provider.id, expected_revision)).values(changes)
        )
        if changed.rowcount == 0:
            stored = await self.get(provider.id)
            raise PreconditionFailed(f"revision is {stored.revision}")

    async def _find(self, condition: sa.ColumnElement[bool]) -> IdentityProvider | None:
        row = (await self._session.execute(sa.select(identity_providers).where(condition))).one_or_none()
        return None if row is None else _provider(row)


def _row(provider: IdentityProvider) -> dict[str, Any]:
    return {
        "id": provider.id,
        "name": provider.name,
        "display_name": provider.display_name,
        "kind": provider.kind.value,
        "issuer": provider.issuer,
        "endpoints": None if provider.endpoints is None else asdict(provider.endpoints),
        "client_id": provider.client_id,
        "sealed_secret": provider.sealed_secret,
        "auth_method": provider.auth_method.value,
        "scopes": list(provider.scopes),
        "claims": asdict(provider.claims),
        "trust_email": provider.trust_email.value,
        "allowed_domains": list(provider.allowed_domains),
        "create_users": provider.create_users,
        "default_roles": sorted(provider.default_roles),
        "group_roles": list(map(asdict, provider.group_roles)),
        "response_mode": provider.response_mode.value,
        "shared_callback": provider.shared_callback,
        "end_upstream_session": provider.end_upstream_session,
        "api_access": None if provider.api_access is None else asdict(provider.api_access),
        "refresh_seconds": provider.refresh_seconds,
        "icon": provider.icon,
        "position": provider.position,
        "enabled": provider.enabled,
        "is_default": provider.is_default,
        "revision": provider.revision,
        "created_at": provider.created_at,
        "updated_at": provider.updated_at,
    }


def _provider(row: sa.Row[Any]) -> IdentityProvider:
    return IdentityProvider(
        id=row.id,
        name=row.name,
        display_name=row.display_name,
        kind=ProviderKind(row.kind),
        issuer=row.issuer,
        endpoints=None if row.endpoints is None else OAuth2Endpoints(**row.endpoints),
        client_id=row.client_id,
        sealed_secret=row.sealed_secret,
        auth_method=ClientAuthMethod(row.auth_method),
        scopes=tuple(row.scopes),
        claims=ClaimMapping(**(row.claims | {"subject": tuple(row.claims["subject"])})),
        trust_email=TrustEmail(row.trust_email),
        allowed_domains=tuple(row.allowed_domains),
        create_users=row.create_users,
        default_roles=frozenset(row.default_roles),
        group_roles=tuple(GroupRole(**mapped) for mapped in row.group_roles),
        response_mode=ResponseMode(row.response_mode),
        shared_callback=row.shared_callback,
        end_upstream_session=row.end_upstream_session,
        api_access=_api_access(row.api_access),
        refresh_seconds=row.refresh_seconds,
        icon=row.icon,
        position=row.position,
        enabled=row.enabled,
        is_default=row.is_default,
        revision=row.revision,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _api_access(held: dict[str, Any] | None) -> ApiAccess | None:
    if held is None:
        return None
    subject = held["subject"]
    lists = {"audiences": tuple(held["audiences"]), "subject": None if subject is None else tuple(subject)}
    return ApiAccess(**(held | lists))


def _is_revision(provider_id: UUID, revision: int) -> sa.ColumnElement[bool]:
    # Clients send revisions (If-Match). One that no column can hold is simply not the stored one.
    if not 0 <= revision <= _MAX_BIGINT:
        return sa.false()
    return sa.and_(identity_providers.c.id == provider_id, identity_providers.c.revision == revision)
