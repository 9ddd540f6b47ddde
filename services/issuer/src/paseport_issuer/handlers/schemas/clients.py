"""Clients on the wire."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType
from paseport_shared.domain.models.client import (
    ApplicationType,
    Client,
    ClientAuthMethod,
    ClientSecretHash,
    ClientSource,
    GrantType,
)

from paseport_issuer.use_cases.create_client import NewSecret
from paseport_issuer.use_cases.roll_client_secret import MAX_OVERLAP, OVERLAP

_SECOND = timedelta(seconds=1)

# Generous caps that bound the work; what a value may be is said by domain.models.client_registration, with a reason.
_Text = Annotated[str, msgspec.Meta(max_length=320)]
_Scopes = Annotated[list[Annotated[str, msgspec.Meta(max_length=64)]], msgspec.Meta(max_length=100)]
_Uris = Annotated[list[Annotated[str, msgspec.Meta(max_length=4_000)]], msgspec.Meta(max_length=100)]
_Grants = Annotated[list[GrantType], msgspec.Meta(max_length=10)]
_Seconds = Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]


class CreateClientRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A new client. Where it authenticates with a secret, the answer shows that secret, once."""

    client_id: _Text
    name: _Text
    first_party: bool = False
    application_type: ApplicationType = ApplicationType.WEB
    auth_method: ClientAuthMethod = ClientAuthMethod.BASIC
    grants: _Grants = msgspec.field(default_factory=lambda: [GrantType.AUTHORIZATION_CODE])
    scopes: _Scopes = msgspec.field(default_factory=lambda: ["openid"])
    audiences: _Uris = msgspec.field(default_factory=list)
    redirect_uris: _Uris = msgspec.field(default_factory=list)
    post_logout_redirect_uris: _Uris = msgspec.field(default_factory=list)
    require_pkce: bool = True
    access_token_lifetime: _Seconds | None = None
    refresh_lifetime: _Seconds | None = None
    disabled: bool = False

    def client(self) -> Client:
        """Return the client that is asked for."""
        return Client(**_values(msgspec.structs.asdict(self)), audience="")


class ReplaceClientRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All of a client that an administrator decides; lifetimes are seconds, null: those of the installation."""

    name: _Text
    first_party: bool
    application_type: ApplicationType
    auth_method: ClientAuthMethod
    grants: _Grants
    scopes: _Scopes
    audiences: _Uris
    redirect_uris: _Uris
    post_logout_redirect_uris: _Uris
    require_pkce: bool
    access_token_lifetime: _Seconds | None
    refresh_lifetime: _Seconds | None
    disabled: bool

    def values(self) -> dict[str, Any]:
        """Return the new value of every field."""
        return _values(msgspec.structs.asdict(self))


class ChangeClientRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Some of it (RFC 7396): a field that is left out stays; a lifetime of null is that of the installation."""

    name: _Text | UnsetType = UNSET
    first_party: bool | UnsetType = UNSET
    application_type: ApplicationType | UnsetType = UNSET
    auth_method: ClientAuthMethod | UnsetType = UNSET
    grants: _Grants | UnsetType = UNSET
    scopes: _Scopes | UnsetType = UNSET
    audiences: _Uris | UnsetType = UNSET
    redirect_uris: _Uris | UnsetType = UNSET
    post_logout_redirect_uris: _Uris | UnsetType = UNSET
    require_pkce: bool | UnsetType = UNSET
    access_token_lifetime: _Seconds | UnsetType | None = UNSET
    refresh_lifetime: _Seconds | UnsetType | None = UNSET
    disabled: bool | UnsetType = UNSET

    def values(self) -> dict[str, Any]:
        """Return the new values of the named fields."""
        return _values({name: value for name, value in msgspec.structs.asdict(self).items() if value is not UNSET})


class RollSecretRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When the secrets that the client has now end: in a day, or in so many seconds; 0: at once, as after a leak."""

    previous_expires_in: Annotated[int, msgspec.Meta(ge=0, le=MAX_OVERLAP // _SECOND)] = OVERLAP // _SECOND


class ClientSecretResponse(msgspec.Struct, frozen=True):
    """A secret as administrators see it: never the secret, never its hash."""

    id: str
    created_at: datetime | None
    expires_at: datetime | None

    @staticmethod
    def of(held: ClientSecretHash) -> ClientSecretResponse:
        """Return the answer for a secret."""
        return ClientSecretResponse(held.id, held.created_at, held.expires_at)


class ClientResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A client as administrators see it. Only those whose ``source`` is ``record`` can be changed here."""

    client_id: str
    name: str
    first_party: bool
    application_type: ApplicationType
    auth_method: ClientAuthMethod
    grants: list[GrantType]
    scopes: list[str]
    audience: str
    audiences: list[str]
    redirect_uris: list[str]
    post_logout_redirect_uris: list[str]
    require_pkce: bool
    access_token_lifetime: int | None
    refresh_lifetime: int | None
    disabled: bool
    source: ClientSource
    secrets: list[ClientSecretResponse]
    created_at: datetime | None
    updated_at: datetime | None

    @staticmethod
    def of(client: Client) -> ClientResponse:
        """Return the answer for a client."""
        return ClientResponse(**_fields(client))


class CreatedClientResponse(ClientResponse, frozen=True, kw_only=True):
    """A client that was created just now. ``client_secret`` is shown this once; null for a public client."""

    client_secret: str | None

    @staticmethod
    def created(made: Client | NewSecret) -> CreatedClientResponse:
        """Return the answer for a new client."""
        if isinstance(made, NewSecret):
            return CreatedClientResponse(**_fields(made.client), client_secret=made.secret.reveal())
        return CreatedClientResponse(**_fields(made), client_secret=None)


class RolledSecretResponse(msgspec.Struct, frozen=True):
    """A secret that was made just now, shown this once, and all that the client has now."""

    id: str
    client_secret: str
    secrets: list[ClientSecretResponse]

    @staticmethod
    def of(made: NewSecret) -> RolledSecretResponse:
        """Return the answer for a new secret."""
        secrets = [ClientSecretResponse.of(held) for held in made.client.secrets]
        return RolledSecretResponse(made.secret_id, made.secret.reveal(), secrets)


class ClientListResponse(msgspec.Struct, frozen=True):
    """One page. ``next`` is the cursor of the following one."""

    items: list[ClientResponse]
    next: str | None
    total: int


def _fields(client: Client) -> dict[str, Any]:
    return {
        "client_id": client.client_id,
        "name": client.name,
        "first_party": client.first_party,
        "application_type": client.application_type,
        "auth_method": client.auth_method,
        "grants": sorted(client.grants, key=lambda grant: grant.value),
        "scopes": list(client.scope),
        "audience": client.audience,
        "audiences": list(client.audiences),
        "redirect_uris": list(client.redirect_uris),
        "post_logout_redirect_uris": list(client.post_logout_redirect_uris),
        "require_pkce": client.require_pkce,
        "access_token_lifetime": _seconds(client.access_token_lifetime),
        "refresh_lifetime": _seconds(client.refresh_lifetime),
        "disabled": client.disabled,
        "source": client.source,
        "secrets": [ClientSecretResponse.of(held) for held in client.secrets],
        "created_at": client.created_at,
        "updated_at": client.updated_at,
    }


def _values(stated: dict[str, Any]) -> dict[str, Any]:
    """Return what the wire says under the names and in the types of the domain."""
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in stated.items()
    }
    if "scopes" in values:
        values["scope"] = values.pop("scopes")
    if "grants" in values:
        values["grants"] = frozenset(values["grants"])
    for name in ("access_token_lifetime", "refresh_lifetime"):
        if values.get(name) is not None:
            values[name] = timedelta(seconds=values[name])
    return values


def _seconds(lifetime: timedelta | None) -> int | None:
    return None if lifetime is None else lifetime // _SECOND
