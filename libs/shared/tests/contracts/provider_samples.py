"""Identity providers and identities that the suites work with."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from contracts.record_samples import NOW, an_id
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
from paseport_shared.domain.models.linked_identity import LinkedIdentity

ISSUER = "https://id.example.com/realms/staff"


def a_provider(number: int = 101, **changes: Any) -> IdentityProvider:
    """The provider numbered ``number``, as stored first: an OpenID provider with nothing optional."""
    provider = IdentityProvider(
        id=an_id(number),
        name=f"provider-{number}",
        display_name="Staff",
        kind=ProviderKind.OIDC,
        issuer=ISSUER,
        client_id="paseport",
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(provider, **changes)


def a_full_provider(number: int = 102, **changes: Any) -> IdentityProvider:
    """One with a value of its own in every field, in as much room as the rules give it."""
    provider = IdentityProvider(
        id=an_id(number),
        name="n" * 32,
        display_name="Ünï 😀 " + "x" * 58,
        kind=ProviderKind.OAUTH2,
        endpoints=OAuth2Endpoints(
            authorization="https://git.example.com/authorize?x=1",
            token="https://git.example.com/token",
            user="https://api.git.example.com/" + "u" * 220,
            emails="https://api.git.example.com/user/emails",
        ),
        client_id="c" * 255,
        sealed_secret="v1:" + "s" * 16_200,
        auth_method=ClientAuthMethod.POST,
        scopes=("user:email", "read:org"),
        claims=ClaimMapping(
            subject=("tid", "oid"),
            username="login",
            email="emails.primary",
            email_verified="xms_edov",
            name="full name",
            groups="https://example.com/groups",
        ),
        trust_email=TrustEmail.ALWAYS,
        allowed_domains=("example.com", "example.org"),
        create_users=False,
        default_roles=frozenset({"User", "Reader"}),
        group_roles=(GroupRole("z/ünï", "Admin"), GroupRole("a", "Admin"), GroupRole("a", "User")),
        response_mode=ResponseMode.FORM_POST,
        shared_callback=True,
        end_upstream_session=True,
        api_access=ApiAccess(
            audiences=("api://keys", "https://keys.example.com"),
            subject=("tid", "oid"),
            groups="roles",
            admin_group="Ünï admins",
            group_case_sensitive=False,
            tenant="11111111-2222-3333-4444-555555555555",
        ),
        refresh_seconds=86_400,
        icon="github",
        position=7,
        enabled=False,
        is_default=True,
        revision=2**40,
        created_at=NOW,
        updated_at=NOW + timedelta(hours=1),
    )
    return replace(provider, **changes)


def an_identity(number: int = 201, **changes: Any) -> LinkedIdentity:
    """The identity numbered ``number``, of the user numbered 1."""
    identity = LinkedIdentity(
        id=an_id(number),
        namespace=ISSUER,
        subject=f"subject-{number}",
        user_id=an_id(1),
        provider_id=an_id(101),
        email=f"somebody{number}@example.com",
        linked_at=NOW,
        last_used_at=NOW + timedelta(minutes=1),
    )
    return replace(identity, **changes)
