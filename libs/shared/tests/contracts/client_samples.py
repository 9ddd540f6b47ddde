"""Clients that the suites work with."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from paseport_shared.domain.models.client import (
    ApplicationType,
    Client,
    ClientAuthMethod,
    ClientKind,
    ClientSecretHash,
    GrantType,
)

NOW = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)
SECRETS = (
    ClientSecretHash("s1", bytes(range(32)), NOW, NOW + timedelta(hours=24)),
    ClientSecretHash("s2", bytes(range(1, 33)), NOW + timedelta(seconds=1)),
)


def a_client(client_id: str = "shop", **changes: Any) -> Client:
    """A client of another team, as stored first."""
    client = Client(
        client_id,
        name="Shop",
        first_party=False,
        scope=("openid",),
        audience="https://auth.example.com/userinfo",
        grants=frozenset({GrantType.AUTHORIZATION_CODE}),
        redirect_uris=("https://shop.example.com/callback",),
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(client, **changes)


def a_full_client(client_id: str = "till", **changes: Any) -> Client:
    """A client of whose fields none has its default."""
    client = a_client(
        client_id,
        name="Ünï ‮ 😀 till",
        first_party=True,
        scope=("openid", "profile", "offline_access", "admin"),
        audience="https://auth.example.com/api",
        audiences=("https://orders.example.com", "urn:example:stock"),
        application_type=ApplicationType.NATIVE,
        auth_method=ClientAuthMethod.POST,
        secrets=SECRETS,
        grants=frozenset(GrantType),
        redirect_uris=("com.example.till:/callback", "http://127.0.0.1/callback?a=b&c=%20"),
        post_logout_redirect_uris=("com.example.till:/bye",),
        require_pkce=False,
        access_token_lifetime=timedelta(seconds=60),
        refresh_lifetime=timedelta(days=3),
        disabled=True,
        revision=2**40,
        updated_at=NOW + timedelta(microseconds=1),
    )
    return replace(client, **changes)


def a_verifier(client_id: str = "verifier-1", **changes: Any) -> Client:
    """A service that follows revocations, as stored first."""
    verifier = Client(
        client_id,
        name="Reports",
        first_party=False,
        scope=(),
        audience="https://reports.example.com",
        auth_method=ClientAuthMethod.BASIC,
        secrets=SECRETS,
        kind=ClientKind.VERIFIER,
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(verifier, **changes)


def changed(client: Client, **changes: Any) -> Client:
    """The client after one more stored change."""
    updated_at = (client.updated_at or NOW) + timedelta(seconds=1)
    return replace(client, revision=client.revision + 1, updated_at=updated_at, **changes)
