"""Identity providers, and accounts there, as the issuer shows them."""

from __future__ import annotations

import msgspec


class EndpointsView(msgspec.Struct, frozen=True, kw_only=True):
    """Where an OAuth 2.0 provider without metadata is found."""

    authorization: str
    token: str
    user: str
    emails: str | None


class ClaimsView(msgspec.Struct, frozen=True, kw_only=True):
    """Which claims say what."""

    subject: tuple[str, ...]
    username: str
    email: str
    email_verified: str
    name: str
    groups: str | None


class GroupRoleView(msgspec.Struct, frozen=True):
    """Members of ``group`` at the provider hold ``role`` here."""

    group: str
    role: str


class ApiAccessView(msgspec.Struct, frozen=True, kw_only=True):
    """That people manage their API keys with access tokens of the provider, and by which rules these are read."""

    audiences: tuple[str, ...]
    subject: tuple[str, ...] | None
    groups: str | None
    admin_group: str | None
    group_case_sensitive: bool
    tenant: str | None


class ProviderView(msgspec.Struct, frozen=True, kw_only=True):
    """An identity provider, without its secret."""

    id: str
    name: str
    display_name: str
    kind: str
    issuer: str | None
    endpoints: EndpointsView | None
    client_id: str
    auth_method: str
    scopes: tuple[str, ...]
    claims: ClaimsView
    trust_email: str
    allowed_domains: tuple[str, ...]
    create_users: bool
    default_roles: tuple[str, ...]
    group_roles: tuple[GroupRoleView, ...]
    response_mode: str
    shared_callback: bool
    end_upstream_session: bool
    api_access: ApiAccessView | None
    refresh_seconds: int
    icon: str
    position: int
    enabled: bool
    is_default: bool
    redirect_uri: str
    backchannel_logout_uri: str
    created_at: str
    updated_at: str


class ProviderList(msgspec.Struct, frozen=True):
    """All of them, in the order in which people see them."""

    items: tuple[ProviderView, ...]
    total: int


class PresetView(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about a widespread provider. Parts of ``issuer`` in braces are to be filled in."""

    name: str
    display_name: str
    kind: str
    issuer: str | None
    endpoints: EndpointsView | None
    auth_method: str
    scopes: tuple[str, ...]
    claims: ClaimsView
    trust_email: str
    response_mode: str
    icon: str


class PresetList(msgspec.Struct, frozen=True):
    """All presets."""

    items: tuple[PresetView, ...]


class FindingView(msgspec.Struct, frozen=True):
    """One thing that was tried, and how it went, in words."""

    check: str
    outcome: str
    message: str


class Findings(msgspec.Struct, frozen=True):
    """What was tried, in this order."""

    findings: tuple[FindingView, ...]


class NamedProvider(msgspec.Struct, frozen=True):
    """What stands on a provider's button."""

    name: str
    display_name: str


class IdentityView(msgspec.Struct, frozen=True, kw_only=True):
    """An account at a provider with which somebody signs in."""

    id: str
    provider: NamedProvider
    provider_enabled: bool
    email: str | None
    linked_at: str
    last_used_at: str
    last_credential: bool


class IdentityList(msgspec.Struct, frozen=True):
    """Those of one user."""

    items: tuple[IdentityView, ...]
    has_password: bool
