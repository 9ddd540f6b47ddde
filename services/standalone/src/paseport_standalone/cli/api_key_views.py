"""API keys, as the issuer shows them."""

from __future__ import annotations

import re
from typing import Final

import msgspec

_ID: Final = re.compile(r"(?:ppk_)?(?P<id>[0-9A-Za-z]{16})(?:_[0-9A-Za-z]*){0,2}")


class OwnerView(msgspec.Struct, frozen=True):
    """Whose a key is."""

    id: str
    username: str


class RateLimitView(msgspec.Struct, frozen=True):
    """How often a key may be used."""

    count: int
    window_seconds: int
    strict: bool


class KeySecretView(msgspec.Struct, frozen=True):
    """One secret of a key, without the secret."""

    created_at: str
    expires_at: str | None
    pepper_version: int


class ApiKeyView(msgspec.Struct, frozen=True, kw_only=True):
    """A key, without what makes it one."""

    id: str
    name: str
    owner: OwnerView
    comment: str
    email: str | None
    roles: tuple[str, ...]
    scopes: tuple[str, ...]
    hosts: tuple[str, ...]
    paths: tuple[str, ...]
    methods: tuple[str, ...]
    cidrs: tuple[str, ...]
    rate_limit: RateLimitView | None
    disabled: bool
    expires_at: str | None
    created_at: str
    updated_at: str
    last_used_at: str | None
    use_count: int
    prefix: str
    secrets: tuple[KeySecretView, ...]


class NewApiKeyView(ApiKeyView, frozen=True, kw_only=True):
    """A key that was made just now, or has a new secret."""

    key: str


def parse_id(text: str) -> str | None:
    """Return the id in an id, in what a key begins with, or in a whole key that somebody found; None for other text."""
    match = _ID.fullmatch(text)
    return None if match is None else match["id"]
