"""Identity providers on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType
from paseport.secret import Secret
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
from paseport_shared.domain.models.provider_presets import ProviderPreset
from paseport_shared.domain.ports.upstream import Finding, Outcome

# Generous caps that bound the work; what a value may be is said by domain.models.provider_rules, with a reason.
_Text = Annotated[str, msgspec.Meta(max_length=320)]
_Url = Annotated[str, msgspec.Meta(max_length=2_000)]
_Secret = Annotated[str, msgspec.Meta(min_length=1, max_length=4_000)]
_Names = Annotated[list[_Text], msgspec.Meta(max_length=100)]
_Position = Annotated[int, msgspec.Meta(ge=0, le=10_000)]
_Seconds = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class Endpoints(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where an OAuth 2.0 provider without metadata is found; ``emails``: a list of addresses, as GitHub has it."""

    authorization: _Url
    token: _Url
    user: _Url
    emails: _Url | None = None


class Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which claims say what. A dot leads into an object. ``subject``: what names somebody for ever."""

    subject: Annotated[list[_Text], msgspec.Meta(max_length=10)] = msgspec.field(default_factory=lambda: ["sub"])
    username: _Text = "preferred_username"
    email: _Text = "email"
    email_verified: _Text = "email_verified"
    name: _Text = "name"
    groups: _Text | None = None


class GroupRoleLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Members of ``group`` at the provider hold ``role`` here."""

    group: _Text
    role: _Text


class ApiAccessRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """That people manage their API keys with access tokens of the provider.

    ``subject`` and ``groups`` are the claims of sign-ins where they are left out. Members of ``admin_group`` manage
    everybody's keys.
    """

    audiences: _Names
    subject: Annotated[list[_Text], msgspec.Meta(max_length=10)] | None = None
    groups: _Text | None = None
    admin_group: _Text | None = None
    group_case_sensitive: bool = True
    tenant: _Text | None = None


_Lines = Annotated[list[GroupRoleLine], msgspec.Meta(max_length=1_000)]


class ProviderRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an administrator decides about a provider, besides its name and its secret."""

    display_name: _Text
    kind: ProviderKind = ProviderKind.OIDC
    issuer: _Url | None = None
    endpoints: Endpoints | None = None
    client_id: _Text
    auth_method: ClientAuthMethod = ClientAuthMethod.BASIC
    scopes: _Names = msgspec.field(default_factory=lambda: ["openid", "profile", "email"])
    claims: Claims = msgspec.field(default_factory=Claims)
    trust_email: TrustEmail = TrustEmail.CLAIM
    allowed_domains: _Names = msgspec.field(default_factory=list)
    create_users: bool = True
    default_roles: _Names = msgspec.field(default_factory=list)
    group_roles: _Lines = msgspec.field(default_factory=list)
    response_mode: ResponseMode = ResponseMode.QUERY
    shared_callback: bool = False
    end_upstream_session: bool = False
    api_access: ApiAccessRules | None = None
    refresh_seconds: _Seconds = 3600
    icon: _Text = "openid"
    position: _Position = 0
    enabled: bool = True
    is_default: bool = False


class CreateProviderRequest(ProviderRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A new provider. ``name`` stands in addresses, so it can never be changed."""

    name: _Text
    client_secret: _Secret

    def values(self) -> dict[str, Any]:
        """Return the value of every field, without the secret."""
        return _values(self)


class TryProviderRequest(ProviderRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A provider that may become one. Without a secret the credentials are not tried."""

    name: _Text
    client_secret: _Secret | None = None

    def values(self) -> dict[str, Any]:
        """Return the value of every field, without the secret."""
        return _values(self)


class ReplaceProviderRequest(ProviderRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All of a provider that can change. What is left out takes its default; only the secret stays as it is."""

    client_secret: _Secret | None = None

    def values(self) -> dict[str, Any]:
        """Return the new value of every field, without the secret."""
        return _values(self)


class ChangeProviderRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Some of it (RFC 7396): a field that is left out stays. ``endpoints``, ``claims``, ``api_access``: whole."""

    display_name: _Text | UnsetType = UNSET
    issuer: _Url | UnsetType = UNSET
    endpoints: Endpoints | UnsetType = UNSET
    client_id: _Text | UnsetType = UNSET
    client_secret: _Secret | None = None
    auth_method: ClientAuthMethod | UnsetType = UNSET
    scopes: _Names | UnsetType = UNSET
    claims: Claims | UnsetType = UNSET
    trust_email: TrustEmail | UnsetType = UNSET
    allowed_domains: _Names | UnsetType = UNSET
    create_users: bool | UnsetType = UNSET
    default_roles: _Names | UnsetType = UNSET
    group_roles: _Lines | UnsetType = UNSET
    response_mode: ResponseMode | UnsetType = UNSET
    shared_callback: bool | UnsetType = UNSET
    end_upstream_session: bool | UnsetType = UNSET
    api_access: ApiAccessRules | UnsetType | None = UNSET
    refresh_seconds: _Seconds | UnsetType = UNSET
    icon: _Text | UnsetType = UNSET
    position: _Position | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    is_default: bool | UnsetType = UNSET

    def values(self) -> dict[str, Any]:
        """Return the new values of the named fields, without the secret."""
        return _values(self)


class ProviderResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A provider as administrators see it: never its secret.

    ``redirect_uri`` and ``backchannel_logout_uri`` are to be registered at the provider.
    """

    id: UUID
    name: str
    display_name: str
    kind: ProviderKind
    issuer: str | None
    endpoints: Endpoints | None
    client_id: str
    auth_method: ClientAuthMethod
    scopes: list[str]
    claims: Claims
    trust_email: TrustEmail
    allowed_domains: list[str]
    create_users: bool
    default_roles: list[str]
    group_roles: list[GroupRoleLine]
    response_mode: ResponseMode
    shared_callback: bool
    end_upstream_session: bool
    api_access: ApiAccessRules | None
    refresh_seconds: int
    icon: str
    position: int
    enabled: bool
    is_default: bool
    redirect_uri: str
    backchannel_logout_uri: str
    created_at: datetime
    updated_at: datetime

    @staticmethod
    def of(provider: IdentityProvider, redirect_uri: str, backchannel_logout_uri: str) -> ProviderResponse:
        """Return the answer for a provider."""
        return ProviderResponse(
            id=provider.id,
            name=provider.name,
            display_name=provider.display_name,
            kind=provider.kind,
            issuer=provider.issuer,
            endpoints=_endpoints(provider.endpoints),
            client_id=provider.client_id,
            auth_method=provider.auth_method,
            scopes=list(provider.scopes),
            claims=_claims(provider.claims),
            trust_email=provider.trust_email,
            allowed_domains=list(provider.allowed_domains),
            create_users=provider.create_users,
            default_roles=sorted(provider.default_roles),
            group_roles=[GroupRoleLine(line.group, line.role) for line in provider.group_roles],
            response_mode=provider.response_mode,
            shared_callback=provider.shared_callback,
            end_upstream_session=provider.end_upstream_session,
            api_access=_api_access(provider.api_access),
            refresh_seconds=provider.refresh_seconds,
            icon=provider.icon,
            position=provider.position,
            enabled=provider.enabled,
            is_default=provider.is_default,
            redirect_uri=redirect_uri,
            backchannel_logout_uri=backchannel_logout_uri,
            created_at=provider.created_at,
            updated_at=provider.updated_at,
        )


class ProviderListResponse(msgspec.Struct, frozen=True):
    """All of them, in the order in which people see them. ``next`` is always null."""

    items: list[ProviderResponse]
    next: str | None
    total: int


class FindingResponse(msgspec.Struct, frozen=True):
    """One thing that was tried, and how it went, in words."""

    check: str
    outcome: Outcome
    message: str


class FindingsResponse(msgspec.Struct, frozen=True):
    """What was tried, in this order; after a failure nothing more that depends on it."""

    findings: list[FindingResponse]

    @staticmethod
    def of(findings: Sequence[Finding]) -> FindingsResponse:
        """Return the answer for findings."""
        return FindingsResponse(
            [FindingResponse(finding.check, finding.outcome, finding.message) for finding in findings]
        )


class PresetResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The start of a registration. Parts of ``issuer`` in braces are to be filled in."""

    name: str
    display_name: str
    kind: ProviderKind
    issuer: str | None
    endpoints: Endpoints | None
    auth_method: ClientAuthMethod
    scopes: list[str]
    claims: Claims
    trust_email: TrustEmail
    response_mode: ResponseMode
    icon: str

    @staticmethod
    def of(preset: ProviderPreset) -> PresetResponse:
        """Return the answer for a preset."""
        return PresetResponse(
            name=preset.name,
            display_name=preset.display_name,
            kind=preset.kind,
            issuer=preset.issuer,
            endpoints=_endpoints(preset.endpoints),
            auth_method=preset.auth_method,
            scopes=list(preset.scopes),
            claims=_claims(preset.claims),
            trust_email=preset.trust_email,
            response_mode=preset.response_mode,
            icon=preset.icon,
        )


class PresetListResponse(msgspec.Struct, frozen=True):
    """All presets."""

    items: list[PresetResponse]


def secret_of(stated: str | None) -> Secret[str] | None:
    """Return a client secret as something that no log shows."""
    return None if stated is None else Secret(stated)


def _endpoints(endpoints: OAuth2Endpoints | None) -> Endpoints | None:
    if endpoints is None:
        return None
    return Endpoints(
        authorization=endpoints.authorization, token=endpoints.token, user=endpoints.user, emails=endpoints.emails
    )


def _claims(claims: ClaimMapping) -> Claims:
    return Claims(
        subject=list(claims.subject),
        username=claims.username,
        email=claims.email,
        email_verified=claims.email_verified,
        name=claims.name,
        groups=claims.groups,
    )


def _api_access(access: ApiAccess | None) -> ApiAccessRules | None:
    if access is None:
        return None
    return ApiAccessRules(
        audiences=list(access.audiences),
        subject=None if access.subject is None else list(access.subject),
        groups=access.groups,
        admin_group=access.admin_group,
        group_case_sensitive=access.group_case_sensitive,
        tenant=access.tenant,
    )


def _values(stated: ProviderRequest | ChangeProviderRequest) -> dict[str, Any]:
    """Return what the wire says in the types of the domain."""
    values = {
        name: value
        for name, value in msgspec.structs.asdict(stated).items()
        if value is not UNSET and name != "client_secret"
    }
    for name in ("scopes", "allowed_domains"):
        if name in values:
            values[name] = tuple(values[name])
    if "default_roles" in values:
        values["default_roles"] = frozenset(values["default_roles"])
    if "group_roles" in values:
        values["group_roles"] = tuple(GroupRole(line.group, line.role) for line in values["group_roles"])
    if isinstance(endpoints := values.get("endpoints"), Endpoints):
        values["endpoints"] = OAuth2Endpoints(**msgspec.structs.asdict(endpoints))
    if isinstance(claims := values.get("claims"), Claims):
        values["claims"] = ClaimMapping(**{**msgspec.structs.asdict(claims), "subject": tuple(claims.subject)})
    if isinstance(access := values.get("api_access"), ApiAccessRules):
        subject = None if access.subject is None else tuple(access.subject)
        parts = {"audiences": tuple(access.audiences), "subject": subject}
        values["api_access"] = ApiAccess(**{**msgspec.structs.asdict(access), **parts})
    return values
