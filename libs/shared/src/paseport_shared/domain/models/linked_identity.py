"""Identities at upstream providers, and whose they are here."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from paseport_shared.domain.models.identity_provider import IdentityProvider, TrustEmail


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalIdentity:
    """What a provider said of somebody who has just signed in there, checked in every way that the protocol offers.

    ``namespace`` and ``subject`` are what the identity is known by. ``email`` is None unless it is an address that we
    would accept; ``email_claimed_verified`` is true only where the provider wrote ``true``. ``groups`` is None where it
    said nothing about them. ``session_id`` is its ``sid``, ``auth_time`` when it last asked for a credential.
    """

    namespace: str
    subject: str
    email: str | None = field(default=None, repr=False)
    email_claimed_verified: bool = False
    username: str | None = field(default=None, repr=False)
    name: str | None = field(default=None, repr=False)
    groups: frozenset[str] | None = None
    session_id: str | None = None
    auth_time: datetime | None = None

    def has_verified_email(self, provider: IdentityProvider) -> bool:
        """Say whether its address proves, by what this provider is trusted with, who owns the mailbox."""
        match provider.trust_email:
            case TrustEmail.NEVER:
                return False
            case TrustEmail.CLAIM:
                return self.email is not None and self.email_claimed_verified
            case TrustEmail.ALWAYS:
                return self.email is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedIdentity:
    """An identity that signs ``user_id`` in, and nobody else.

    ``email`` is what the provider last called it by: for the page that lists it, never for a decision.
    """

    id: UUID
    namespace: str
    subject: str
    user_id: UUID
    provider_id: UUID
    email: str | None = field(repr=False)
    linked_at: datetime
    last_used_at: datetime


@dataclass(frozen=True, slots=True)
class UpstreamSession:
    """The session at a provider out of which one of ours came (OpenID Connect Back-Channel Logout §2.1)."""

    provider_id: UUID
    namespace: str
    subject: str
    session_id: str | None = None
