"""What decisions need of an API key, as the directory keeps it and as the issuer sends it to the api.

No comment, no contact and no counters: what is not here can be read by nobody who gets hold of the directory. Typically
300 to 500 bytes of JSON. Both sides of an update read it (DT-01): what an older version does not know is left out, and
what a newer one adds has a default.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Self
from uuid import UUID

import msgspec

from paseport_shared.domain.models.api_key import ApiKey, ApiKeySecret
from paseport_shared.domain.models.rate_limit import RateLimit


class RateLimitState(msgspec.Struct, frozen=True, omit_defaults=True):
    """At most ``count`` requests in ``seconds``."""

    count: int
    seconds: float
    strict: bool = False


class SecretState(msgspec.Struct, frozen=True, omit_defaults=True):
    """The digest of one secret (base64), and the version of the pepper that it was made under."""

    digest: bytes
    pepper: int
    created_at: datetime
    expires_at: datetime | None = None

    def __repr__(self) -> str:
        """Name no digest: logs and error messages print what they are given."""
        return f"SecretState(pepper={self.pepper})"


class ApiKeyState(msgspec.Struct, frozen=True, omit_defaults=True):
    """A key without what only people need. ``id`` is said on the wire alone: the directory finds the entry by it."""

    owner_id: UUID
    name: str
    revision: int
    created_at: datetime
    updated_at: datetime
    id: str = ""
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    rate_limit: RateLimitState | None = None
    secrets: tuple[SecretState, ...] = ()
    legacy_digest: str | None = None
    disabled: bool = False
    expires_at: datetime | None = None

    def __repr__(self) -> str:
        """Name no digest: the legacy one is as good as a secret's."""
        return f"ApiKeyState(id={self.id!r}, revision={self.revision})"

    @classmethod
    def of(cls, key: ApiKey, key_id: str = "") -> Self:
        """Return the state of a key; with ``key_id`` for the wire, which has no other place for it."""
        limit = key.rate_limit
        return cls(
            owner_id=key.owner_id,
            name=key.name,
            revision=key.revision,
            created_at=key.created_at,
            updated_at=key.updated_at,
            id=key_id,
            roles=tuple(sorted(key.roles)),
            scopes=key.scopes,
            hosts=key.hosts,
            paths=key.paths,
            methods=tuple(sorted(key.methods)),
            networks=key.networks,
            rate_limit=None
            if limit is None
            else RateLimitState(limit.count, limit.window.total_seconds(), limit.strict),
            secrets=tuple(
                SecretState(held.digest, held.pepper_version, held.created_at, held.expires_at) for held in key.secrets
            ),
            legacy_digest=key.legacy_digest,
            disabled=key.disabled,
            expires_at=key.expires_at,
        )

    def key(self, key_id: str) -> ApiKey:
        """Return the key as far as it is known here: without comment and contact, with counters at zero."""
        limit = self.rate_limit
        return ApiKey(
            id=key_id,
            owner_id=self.owner_id,
            name=self.name,
            roles=frozenset(self.roles),
            scopes=self.scopes,
            hosts=self.hosts,
            paths=self.paths,
            methods=frozenset(self.methods),
            networks=self.networks,
            rate_limit=None
            if limit is None
            else RateLimit(limit.count, timedelta(seconds=limit.seconds), limit.strict),
            secrets=tuple(
                ApiKeySecret(held.digest, held.pepper, held.created_at, held.expires_at) for held in self.secrets
            ),
            legacy_digest=self.legacy_digest,
            disabled=self.disabled,
            expires_at=self.expires_at,
            created_at=self.created_at,
            updated_at=self.updated_at,
            revision=self.revision,
        )


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(ApiKeyState).decode


def encode_entry(key: ApiKey) -> bytes:
    """Return a key as the directory keeps it, under its id."""
    return _encode(ApiKeyState.of(key))


def decode_entry(key_id: str, held: bytes) -> ApiKey:
    """Return the key that ``encode_entry`` wrote. Raises ``msgspec.MsgspecError`` for anything else."""
    return _decode(held).key(key_id)


def encode_answer(key: ApiKey) -> bytes:
    """Return a key as the issuer answers it to the api: with its id."""
    return _encode(ApiKeyState.of(key, key.id))


def decode_answer(body: bytes) -> ApiKey:
    """Return the key that ``encode_answer`` wrote. Raises ``msgspec.MsgspecError`` for anything else."""
    state = _decode(body)
    if not state.id:
        raise msgspec.ValidationError("the key has no id")
    return state.key(state.id)
