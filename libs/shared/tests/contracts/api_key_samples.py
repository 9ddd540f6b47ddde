"""API keys that the suites work with."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from contracts.record_samples import an_id
from paseport_shared.domain.models.api_key import ApiKey, ApiKeySecret
from paseport_shared.domain.models.rate_limit import RateLimit

NOW = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)
SECRETS = (
    ApiKeySecret(bytes(range(32)), 1, NOW, NOW + timedelta(hours=24)),
    ApiKeySecret(bytes(range(1, 33)), 12, NOW + timedelta(seconds=1)),
)
LEGACY_DIGEST = "0123456789abcdef" * 4


def a_key_id(number: int) -> str:
    """The id numbered ``number``; ids have the order of their numbers."""
    return f"{number:016}"


def a_key(number: int = 1, **changes: Any) -> ApiKey:
    """The key numbered ``number``, of the user numbered 1, as stored first."""
    key = ApiKey(
        id=a_key_id(number),
        owner_id=an_id(1),
        name=f"key {number}",
        secrets=SECRETS[1:],
        expires_at=NOW + timedelta(days=90),
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(key, **changes)


def a_full_key(number: int = 2, **changes: Any) -> ApiKey:
    """A key of whose fields none has its default."""
    key = a_key(
        number,
        name="Ünï ‮ 😀 key",
        comment="for the till ﷺ",
        email="till@example.com",
        roles=frozenset({"Admin", "billing.read"}),
        scopes=("reports", "openid"),
        hosts=("app.example.com", "*.example.org"),
        paths=("/v1", "/ünï"),
        methods=frozenset({"GET", "PROPFIND"}),
        networks=("10.0.0.0/8", "2001:db8::/32"),
        rate_limit=RateLimit(1_000, timedelta(minutes=1), strict=True),
        secrets=SECRETS,
        legacy_digest=LEGACY_DIGEST,
        disabled=True,
        revision=2**40,
        updated_at=NOW + timedelta(microseconds=1),
        last_used_at=NOW + timedelta(days=1, microseconds=1),
        use_count=2**40,
    )
    return replace(key, **changes)


def changed(key: ApiKey, **changes: Any) -> ApiKey:
    """The key after one more stored change."""
    return replace(key, revision=key.revision + 1, updated_at=key.updated_at + timedelta(seconds=1), **changes)


def as_decisions_need_it(key: ApiKey) -> ApiKey:
    """The key without what only people need."""
    return replace(key, comment="", email=None, last_used_at=None, use_count=0)
