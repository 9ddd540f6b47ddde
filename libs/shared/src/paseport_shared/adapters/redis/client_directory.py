"""Clients in Redis."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec
from paseport.redis.access import RedisAccess
from paseport.redis.script import Script

from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.client import (
    ApplicationType,
    Client,
    ClientAuthMethod,
    ClientKind,
    ClientSecretHash,
    ClientSource,
    GrantType,
)
from paseport_shared.domain.models.client_registry import DeletedClient

NAMESPACE: Final = "client"

_STORE: Final = Script("""
-- A late writer never brings an older state back. Revisions count changes of one client: they stay below 2^53, up to
-- which Lua's numbers are exact. Without a state the entry is a tombstone.
local held = redis.call('HGET', KEYS[1], 'revision')
if held and tonumber(held) >= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'revision', ARGV[1])
if ARGV[2] == '' then redis.call('HDEL', KEYS[1], 'state') else redis.call('HSET', KEYS[1], 'state', ARGV[2]) end
return 1
""")


class _SecretHash(msgspec.Struct, frozen=True):
    id: str
    digest: bytes
    created_at: datetime | None
    expires_at: datetime | None


class _State(msgspec.Struct, frozen=True):
    name: str
    first_party: bool
    scope: tuple[str, ...]
    audience: str
    audiences: tuple[str, ...]
    application_type: ApplicationType
    auth_method: ClientAuthMethod
    secrets: tuple[_SecretHash, ...]
    grants: frozenset[GrantType]
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...]
    require_pkce: bool
    access_token_lifetime: timedelta | None
    refresh_lifetime: timedelta | None
    disabled: bool
    revision: int
    created_at: datetime | None
    updated_at: datetime | None
    kind: ClientKind = ClientKind.OAUTH
    """Entries from before there were other kinds do not say it."""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_State).decode


class RedisClientDirectory:
    """``ClientDirectory``: one hash a client, deleted ones too, and a marker that none is missing.

    Entries stay for ever. Of secrets they hold hashes alone; the api's user may not read even those.
    """

    def __init__(self, access: RedisAccess, *, namespace: str = NAMESPACE) -> None:
        self._access = access
        self._namespace = namespace

    async def find(self, client_id: str) -> Client | None:
        """See ``ClientDirectory.find``."""
        if self._access.is_disputed:
            raise Unavailable("no majority of the Sentinels stands behind this directory")
        (held,) = await self._access.send(("HGET", self._key(client_id), "state"))
        return None if held is None else _client(client_id, _decode(held))

    async def is_complete(self) -> bool:
        """See ``ClientDirectory.is_complete``."""
        (count,) = await self._access.send(("EXISTS", self._marker))
        return bool(count)

    async def put(self, client: Client) -> bool:
        """See ``ClientDirectory.put``."""
        return await self._store(client.client_id, client.revision, _encode(_state(client)))

    async def remove(self, gone: DeletedClient) -> bool:
        """See ``ClientDirectory.remove``."""
        return await self._store(gone.client_id, gone.revision, b"")

    async def mark_complete(self) -> None:
        """See ``ClientDirectory.mark_complete``."""
        await self._access.confirm(("SET", self._marker, 1))

    async def _store(self, client_id: str, revision: int, state: bytes) -> bool:
        # Confirmed also where nothing was stored: what is held may be from an attempt that was not.
        (stored,) = await self._access.confirm(_STORE([self._key(client_id)], revision, state))
        return bool(stored)

    @property
    def _marker(self) -> str:
        # No client id has a colon, so no client can take the marker's place.
        return f"{self._namespace}::complete"

    def _key(self, client_id: str) -> str:
        return f"{self._namespace}:{client_id}"


def _state(client: Client) -> _State:
    return _State(
        name=client.name,
        first_party=client.first_party,
        scope=client.scope,
        audience=client.audience,
        audiences=client.audiences,
        application_type=client.application_type,
        auth_method=client.auth_method,
        secrets=tuple(_SecretHash(held.id, held.digest, held.created_at, held.expires_at) for held in client.secrets),
        grants=client.grants,
        redirect_uris=client.redirect_uris,
        post_logout_redirect_uris=client.post_logout_redirect_uris,
        require_pkce=client.require_pkce,
        access_token_lifetime=client.access_token_lifetime,
        refresh_lifetime=client.refresh_lifetime,
        disabled=client.disabled,
        revision=client.revision,
        created_at=client.created_at,
        updated_at=client.updated_at,
        kind=client.kind,
    )


def _client(client_id: str, state: _State) -> Client:
    return Client(
        client_id,
        name=state.name,
        first_party=state.first_party,
        scope=state.scope,
        audience=state.audience,
        audiences=state.audiences,
        application_type=state.application_type,
        auth_method=state.auth_method,
        secrets=tuple(
            ClientSecretHash(held.id, held.digest, held.created_at, held.expires_at) for held in state.secrets
        ),
        grants=state.grants,
        redirect_uris=state.redirect_uris,
        post_logout_redirect_uris=state.post_logout_redirect_uris,
        require_pkce=state.require_pkce,
        access_token_lifetime=state.access_token_lifetime,
        refresh_lifetime=state.refresh_lifetime,
        disabled=state.disabled,
        source=ClientSource.RECORD,
        revision=state.revision,
        created_at=state.created_at,
        updated_at=state.updated_at,
        kind=state.kind,
    )
