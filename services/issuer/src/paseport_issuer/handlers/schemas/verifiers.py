"""Registered verifiers on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType
from paseport_shared.domain.models.client import Client

from paseport_issuer.handlers.schemas.clients import ClientSecretResponse
from paseport_issuer.use_cases.create_client import NewSecret

# Generous caps that bound the work; what a value may be is said by domain.models.client_registration, with a reason.
_Text = Annotated[str, msgspec.Meta(max_length=320)]
_Uri = Annotated[str, msgspec.Meta(max_length=4_000)]


class CreateVerifierRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A service that is to follow revocations. ``audience`` is what the tokens that it takes are for."""

    name: _Text
    audience: _Uri


class ChangeVerifierRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Some of it (RFC 7396): a field that is left out stays."""

    name: _Text | UnsetType = UNSET
    audience: _Uri | UnsetType = UNSET

    def values(self) -> dict[str, Any]:
        """Return the new values of the named fields."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not UNSET}


class VerifierResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A verifier as administrators see it."""

    client_id: str
    name: str
    audience: str
    secrets: list[ClientSecretResponse]
    created_at: datetime | None
    updated_at: datetime | None

    @staticmethod
    def of(verifier: Client) -> VerifierResponse:
        """Return the answer for a verifier."""
        return VerifierResponse(**_fields(verifier))


class CreatedVerifierResponse(VerifierResponse, frozen=True, kw_only=True):
    """A verifier that was registered just now. ``client_secret`` is shown this once."""

    client_secret: str

    @staticmethod
    def created(made: NewSecret) -> CreatedVerifierResponse:
        """Return the answer for a new verifier."""
        return CreatedVerifierResponse(**_fields(made.client), client_secret=made.secret.reveal())


class VerifierListResponse(msgspec.Struct, frozen=True):
    """One page. ``next`` is the cursor of the following one."""

    items: list[VerifierResponse]
    next: str | None
    total: int


def _fields(verifier: Client) -> dict[str, Any]:
    return {
        "client_id": verifier.client_id,
        "name": verifier.name,
        "audience": verifier.audience,
        "secrets": [ClientSecretResponse.of(held) for held in verifier.secrets],
        "created_at": verifier.created_at,
        "updated_at": verifier.updated_at,
    }
