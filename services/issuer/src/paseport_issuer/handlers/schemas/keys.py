"""The key documents on the wire, for the OpenAPI document; the ports render the bytes."""

from __future__ import annotations

from datetime import datetime

import msgspec


class PublishedKeyResponse(msgspec.Struct, frozen=True):
    """A verification key. ``not_after`` is null while the key has no end."""

    kid: str
    paserk: str
    status: str
    not_before: datetime
    not_after: datetime | None


class KeyDocumentResponse(msgspec.Struct, frozen=True):
    """The keys that check access tokens."""

    keys: list[PublishedKeyResponse]


class JsonWebKeyResponse(msgspec.Struct, frozen=True):
    """An RSA public key (RFC 7517 §4, RFC 7518 §6.3.1)."""

    kty: str
    use: str
    alg: str
    kid: str
    n: str
    e: str


class JwksResponse(msgspec.Struct, frozen=True):
    """The keys that check ID tokens."""

    keys: list[JsonWebKeyResponse]
