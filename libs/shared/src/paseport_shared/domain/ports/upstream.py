"""What is asked of upstream identity providers."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from paseport.secret import Secret

from paseport_shared.domain.models.external_sign_in import ExternalSignIn
from paseport_shared.domain.models.identity_provider import IdentityProvider
from paseport_shared.domain.models.linked_identity import ExternalIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamRequest:
    """What an authorization request says besides who asks and where to.

    ``force_login``: the provider is asked to ask for a credential again. ``login_hint`` is who is expected.
    """

    sign_in: ExternalSignIn
    force_login: bool = False
    login_hint: str | None = None


@dataclass(frozen=True, slots=True)
class UpstreamAnswer:
    """An authorization response with a code. ``issuer`` is its ``iss`` (RFC 9207)."""

    code: Secret[str]
    issuer: str | None = None


@dataclass(frozen=True, slots=True)
class UpstreamLogout:
    """Whose sessions a logout token ends: of a subject, or one of them, or the one that ``session_id`` names."""

    token_id: str
    subject: str | None
    session_id: str | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class UpstreamCaller:
    """Whose access token of a provider somebody brought.

    ``auth_time`` is when they were last asked for a credential, None where the token does not say so.
    """

    subject: str
    groups: frozenset[str]
    issued_at: datetime
    expires_at: datetime
    auth_time: datetime | None = None


class Outcome(enum.Enum):
    """How a check of a connection went."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check of a connection looked at: a stable name, and a sentence for an administrator."""

    check: str
    outcome: Outcome
    message: str = field(repr=False)


class UpstreamProviders(Protocol):
    """Speaks to identity providers: metadata, keys, codes, claims.

    All calls to one provider together end within five seconds, and one provider that does not answer takes nothing from
    the others. Every method raises ``ProviderUnavailable`` where the provider does not answer, or not with what the
    protocol says; the reason is for the log.
    """

    async def authorization_url(self, provider: IdentityProvider, request: UpstreamRequest) -> str:
        """Return where a browser asks the provider who somebody is."""
        ...

    async def expects_issuer(self, provider: IdentityProvider) -> bool:
        """Say whether the provider announces to name itself in each answer (RFC 9207 §3)."""
        ...

    async def redeem(
        self, provider: IdentityProvider, secret: Secret[str], sign_in: ExternalSignIn, answer: UpstreamAnswer
    ) -> ExternalIdentity:
        """Redeem a code and return who has signed in.

        Raises ``ProviderAnswerRefused`` for an answer that fails a check: ``iss``, signature, any claim.
        """
        ...

    async def read_logout_token(self, provider: IdentityProvider, token: str) -> UpstreamLogout:
        """Check a logout token (OpenID Connect Back-Channel Logout §2.6). Raises ``ProviderAnswerRefused``.

        Anybody can send one, so an unknown key is looked up at the provider far less often than in a sign-in. Whether
        the token was seen before is for the caller to ask.
        """
        ...

    def claimed_issuer(self, token: str) -> str | None:
        """Return whom a token says it is of, None for what is no token. Nothing is asked, and nothing is believed."""
        ...

    async def read_access_token(self, provider: IdentityProvider, token: str) -> UpstreamCaller:
        """Check an access token that is good for the provider's ``api_access`` (RFC 9068 §4).

        Anybody can send one, so an unknown key is looked up at the provider far less often than in a sign-in. Raises
        ``ProviderAnswerRefused`` for every token that is not good here and now, for ID tokens and logout tokens too.
        """
        ...

    async def end_session_url(
        self, provider: IdentityProvider, *, post_logout_redirect_uri: str, state: str
    ) -> str | None:
        """Return where a browser ends the session at the provider, None where it offers no such thing."""
        ...

    async def check_connection(
        self, provider: IdentityProvider, secret: Secret[str] | None, *, redirect_uri: str
    ) -> Sequence[Finding]:
        """Try everything that can be tried without a person, and say in words what is wrong. Never raises.

        With ``secret`` the credentials are tried too, by a code that cannot be one.
        """
        ...

    async def check_target(self, provider: IdentityProvider) -> None:
        """Return if the provider can be reached by our rules, and is who it should be (OIDC Discovery §4.3).

        Raises ``OutboundRefused`` where a rule of ours forbids one of its addresses, and ``ProviderUnavailable``.
        """
        ...
