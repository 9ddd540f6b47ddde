"""Sign-ins on their way through an upstream provider, and links that wait for a proof."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from paseport.secret import Secret

from paseport_shared.domain.models.authorization import is_of_browser
from paseport_shared.domain.models.linked_identity import ExternalIdentity

EXTERNAL_SIGN_IN_LIFETIME: Final = timedelta(minutes=15)
"""How long somebody may take at the provider."""
PENDING_LINK_LIFETIME: Final = timedelta(minutes=10)
"""How long somebody may take to prove whose the local account is."""


@dataclass(frozen=True, slots=True)
class Linking:
    """Who links an identity, in which session: whoever comes back must still be there."""

    user_id: UUID
    session_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalSignIn:
    """One way to a provider and back, in one browser. ``id`` is its ``state``.

    Exactly one of ``transaction_id`` (somebody signs in for it) and ``linking`` is there. ``code_verifier`` and
    ``nonce`` tie the code and the ID token to it (RFC 7636, OIDC Core §3.1.2.1); ``redirect_uri`` is where the answer
    has to arrive, which is what tells providers apart (RFC 9700 §4.4.2).
    """

    id: str
    browser_hash: bytes = field(repr=False)
    provider_id: UUID
    redirect_uri: str
    nonce: str = field(repr=False)
    code_verifier: str = field(repr=False)
    transaction_id: str | None = None
    linking: Linking | None = None
    max_age: int | None = None
    """What the provider was asked for, in seconds: it has to say when it asked for a credential."""
    created_at: datetime
    expires_at: datetime

    def is_live(self, now: datetime) -> bool:
        """Say whether the answer may still come."""
        return now < self.expires_at

    def is_held_by(self, browser: Secret[str]) -> bool:
        """Say in constant time whether the cookie is that of the browser that began."""
        return is_of_browser(self.browser_hash, browser)


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingLink:
    """An identity whose e-mail address a local account has: linked once somebody proves to own that account too.

    Bound to the browser, to the identity and to ``user_id``: no other proof fits (XI-11).
    """

    id: str
    browser_hash: bytes = field(repr=False)
    transaction_id: str
    provider_id: UUID
    user_id: UUID
    identity: ExternalIdentity
    created_at: datetime
    expires_at: datetime

    def is_live(self, now: datetime) -> bool:
        """Say whether the proof may still come."""
        return now < self.expires_at

    def is_held_by(self, browser: Secret[str]) -> bool:
        """Say in constant time whether the cookie is that of the browser that began."""
        return is_of_browser(self.browser_hash, browser)
