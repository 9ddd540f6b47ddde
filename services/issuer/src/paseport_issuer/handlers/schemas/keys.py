"""The key document on the wire, for the OpenAPI document; the port renders the bytes."""

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
