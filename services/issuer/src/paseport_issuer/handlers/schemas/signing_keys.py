"""Keys and their versions on the wire, as administrators see them: never a private key."""

from __future__ import annotations

from datetime import datetime

import msgspec
from paseport_shared.domain.models.signing_key import KeyAlgorithm, KeyStatus

from paseport_issuer.use_cases.rotate_signing_keys import KeyStep, KeyVersionState, RevokedVersion


class PublishKeyRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``create``: make a version where there is none that waits to sign; else take the newest that there is."""

    create: bool = True


class RevokeKeyRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``replace``: where nothing else could sign, publish a version first, which takes its place at once."""

    replace: bool = False


class KeyVersionResponse(msgspec.Struct, frozen=True):
    """One version. ``since`` is when it came into its status; ``next_step`` may be taken from ``possible_from`` on.

    ``key`` is ``access`` or ``id``, ``key_name`` what the key is called where the private keys are.
    """

    key: str
    key_name: str
    algorithm: KeyAlgorithm
    version: int
    kid: str
    status: KeyStatus
    not_before: datetime
    not_after: datetime | None
    since: datetime
    next_step: KeyStep | None
    possible_from: datetime | None

    @staticmethod
    def of(name: str, state: KeyVersionState) -> KeyVersionResponse:
        """Return the answer for a version."""
        known, key = state.signing_key, state.signing_key.key
        return KeyVersionResponse(
            key=name,
            key_name=known.key_name,
            algorithm=key.algorithm,
            version=key.version,
            kid=key.kid,
            status=key.status,
            not_before=key.not_before,
            not_after=key.not_after,
            since=known.changed_at,
            next_step=state.next_step,
            possible_from=state.possible_from,
        )


class KeyListResponse(msgspec.Struct, frozen=True):
    """Every version of every key."""

    items: list[KeyVersionResponse]


class RevokedKeyResponse(msgspec.Struct, frozen=True):
    """A version that was revoked, and the one that signs from now on: null where nothing does."""

    revoked: KeyVersionResponse
    signs: KeyVersionResponse | None

    @staticmethod
    def after(name: str, done: RevokedVersion) -> RevokedKeyResponse:
        """Return the answer for a revocation."""
        signs = None if done.signs is None else KeyVersionResponse.of(name, done.signs)
        return RevokedKeyResponse(KeyVersionResponse.of(name, done.revoked), signs)
