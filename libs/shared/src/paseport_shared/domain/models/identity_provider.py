"""Upstream identity providers: who else may say who somebody is."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from paseport_shared.domain.models.authorization import ResponseMode
from paseport_shared.domain.models.client import ClientAuthMethod

SEALED_FOR: Final = "identity provider"
"""What a sealed client secret is bound to, together with the provider's id."""


class ProviderKind(enum.Enum):
    """What a provider speaks."""

    OIDC = "oidc"
    """OpenID Connect: it publishes its metadata and signs ID tokens."""
    OAUTH2 = "oauth2"
    """OAuth 2.0 and an endpoint that says who the token is about, as GitHub has."""


class TrustEmail(enum.Enum):
    """Whether an e-mail address that a provider states proves who owns the mailbox.

    An address is never what an identity is known by (OIDC Core §5.7). It can say which local account may be meant, and
    only a provider that is trusted with it can make that more than a hint.
    """

    NEVER = "never"
    """Its users choose their address, or its administrators can: it proves nothing."""
    CLAIM = "claim"
    """Where the provider says ``true`` for it, and nothing but the JSON value ``true``."""
    ALWAYS = "always"
    """The provider hands out the addresses itself, or states none that it has not verified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimMapping:
    """Where the provider says what. A dot leads into an object, unless there is a claim of that very name.

    ``subject`` are the claims that together name somebody for ever; they are joined with a colon. ``groups`` is None
    where nothing is mapped to roles.
    """

    subject: tuple[str, ...] = ("sub",)
    username: str = "preferred_username"
    email: str = "email"
    email_verified: str = "email_verified"
    name: str = "name"
    groups: str | None = None


STANDARD_CLAIMS: Final = ClaimMapping()
"""Those of OpenID Connect (OIDC Core §5.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth2Endpoints:
    """Where a provider without metadata is found.

    ``emails`` answers a list of ``{"email", "primary", "verified"}``, as GitHub's does; None where ``user`` says all.
    """

    authorization: str
    token: str
    user: str
    emails: str | None = None


@dataclass(frozen=True, slots=True)
class GroupRole:
    """Members of ``group`` at the provider hold ``role`` here."""

    group: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiAccess:
    """That people may manage their API keys with access tokens of the provider, and by which rules these are read.

    A token is good if ``aud`` has one of ``audiences`` and, where a ``tenant`` is named, ``tid`` is it. ``subject`` and
    ``groups`` are as in ``ClaimMapping``, and those of the provider where they are None. Members of ``admin_group``
    manage everybody's keys; nobody does where it is None.
    """

    audiences: tuple[str, ...]
    subject: tuple[str, ...] | None = None
    groups: str | None = None
    admin_group: str | None = None
    group_case_sensitive: bool = True
    tenant: str | None = None

    def is_admin(self, groups: frozenset[str]) -> bool:
        """Say whether a member of these groups manages everybody's keys."""
        if self.admin_group is None:
            return False
        if self.group_case_sensitive:
            return self.admin_group in groups
        return self.admin_group.casefold() in {group.casefold() for group in groups}


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityProvider:
    """A provider as an administrator registered it.

    ``name`` stands in addresses and never changes. ``issuer`` is of OpenID Connect alone, ``endpoints`` of OAuth 2.0
    alone. ``sealed_secret`` is the client secret as the ``DataCipher`` sealed it. ``default_roles`` are given at the
    first sign-in, ``group_roles`` are looked at in each. A provider is disabled, never deleted: identities and audit
    events name it.
    """

    id: UUID
    name: str
    display_name: str
    kind: ProviderKind
    issuer: str | None = None
    endpoints: OAuth2Endpoints | None = None
    client_id: str
    sealed_secret: str = field(default="", repr=False)
    auth_method: ClientAuthMethod = ClientAuthMethod.BASIC
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    claims: ClaimMapping = STANDARD_CLAIMS
    trust_email: TrustEmail = TrustEmail.CLAIM
    allowed_domains: tuple[str, ...] = ()
    create_users: bool = True
    default_roles: frozenset[str] = frozenset()
    group_roles: tuple[GroupRole, ...] = ()
    response_mode: ResponseMode = ResponseMode.QUERY
    shared_callback: bool = False
    """Whether it answers at the address that all such providers share (RFC 9207)."""
    end_upstream_session: bool = False
    """Whether signing out here goes on there (OpenID Connect RP-Initiated Logout)."""
    api_access: ApiAccess | None = None
    """None where its access tokens are good for nothing here. Of OpenID Connect alone."""
    refresh_seconds: int = 3600
    """After how long its metadata and its keys are asked for again."""
    icon: str = "openid"
    position: int = 0
    enabled: bool = True
    is_default: bool = False
    revision: int = 1
    created_at: datetime
    updated_at: datetime

    @property
    def namespace(self) -> str:
        """Within which its subjects are unique: half of what an identity is known by.

        Two registrations at one issuer speak of the same people. An OAuth 2.0 provider has no issuer that it could
        prove, so the endpoint that says who somebody is stands for it, in a form that no issuer has.
        """
        if self.kind is ProviderKind.OIDC:
            return self.issuer or ""
        return f"oauth2:{self.endpoints.user if self.endpoints else ''}"

    @property
    def managed_roles(self) -> frozenset[str]:
        """The roles that it decides about at each sign-in."""
        return frozenset(mapped.role for mapped in self.group_roles)

    def roles_of(self, groups: frozenset[str]) -> frozenset[str]:
        """Return the roles that members of these groups hold."""
        return frozenset(mapped.role for mapped in self.group_roles if mapped.group in groups)
