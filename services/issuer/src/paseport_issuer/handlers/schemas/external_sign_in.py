"""Signing in through identity providers, and linking accounts, on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from paseport_shared.domain.models.identity_provider import IdentityProvider

from paseport_issuer.use_cases.pending_links import NamedPendingLink
from paseport_issuer.use_cases.read_own_identities import OwnIdentities, OwnIdentity


class ProviderOption(msgspec.Struct, frozen=True):
    """A provider as everybody sees it: what stands on its button."""

    name: str
    display_name: str
    icon: str
    is_default: bool

    @staticmethod
    def of(provider: IdentityProvider) -> ProviderOption:
        """Return the answer for a provider."""
        return ProviderOption(provider.name, provider.display_name, provider.icon, provider.is_default)


class SignInOptionsResponse(msgspec.Struct, frozen=True):
    """Through whom people may sign in, besides with a password."""

    providers: list[ProviderOption]

    @staticmethod
    def of(providers: Sequence[IdentityProvider]) -> SignInOptionsResponse:
        """Return the answer for providers."""
        return SignInOptionsResponse([ProviderOption.of(provider) for provider in providers])


class PendingLinkResponse(msgspec.Struct, frozen=True):
    """An identity that waits for the password of the account that has its address."""

    transaction: str
    email: str
    provider: ProviderOption

    @staticmethod
    def of(named: NamedPendingLink) -> PendingLinkResponse:
        """Return the answer for a pending link."""
        pending = named.pending
        return PendingLinkResponse(
            pending.transaction_id, pending.identity.email or "", ProviderOption.of(named.provider)
        )


class LinkRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The provider at which somebody wants to link an account."""

    provider: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class OwnIdentityResponse(msgspec.Struct, frozen=True):
    """A linked identity. ``last_credential``: without it nobody could sign in to the account any more."""

    id: UUID
    provider: ProviderOption
    provider_enabled: bool
    email: str | None
    linked_at: datetime
    last_used_at: datetime
    last_credential: bool

    @staticmethod
    def of(own: OwnIdentity) -> OwnIdentityResponse:
        """Return the answer for an identity."""
        identity = own.identity
        return OwnIdentityResponse(
            identity.id,
            ProviderOption.of(own.provider),
            own.provider.enabled,
            identity.email,
            identity.linked_at,
            identity.last_used_at,
            own.is_last_credential,
        )


class OwnIdentitiesResponse(msgspec.Struct, frozen=True):
    """What somebody can sign in with. ``available`` are the providers at which an account may be linked."""

    items: list[OwnIdentityResponse]
    available: list[ProviderOption]
    has_password: bool

    @staticmethod
    def of(own: OwnIdentities) -> OwnIdentitiesResponse:
        """Return the answer for somebody's identities."""
        return OwnIdentitiesResponse(
            [OwnIdentityResponse.of(identity) for identity in own.identities],
            [ProviderOption.of(provider) for provider in own.available],
            own.has_password,
        )
