"""OAuth clients (RFC 6749 §2), and the services that are registered in the same way to follow revocations."""

from __future__ import annotations

import enum
import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from paseport.secret import Secret

OPENID: Final = "openid"
OFFLINE_ACCESS: Final = "offline_access"
SCOPES: Final = (OPENID, "profile", "email", "roles", OFFLINE_ACCESS, "account", "admin")
"""Every scope there is (design §3)."""
FIRST_PARTY_ONLY: Final = frozenset({"account", "admin"})
"""Scopes that only first-party clients may hold."""
FIRST_PARTY_SCOPE: Final = tuple(scope for scope in SCOPES if scope != OFFLINE_ACCESS)
BUILT_IN_IDS: Final = frozenset({"bff", "cli", "mobile"})
"""Ids that nobody else gets, whether the installation has the client or not."""
BFF_CALLBACK_PATH: Final = "/auth/v1/callback"
CLI_REDIRECT_URI: Final = "http://127.0.0.1/callback"
"""On any port, as of every native client (RFC 8252 §7.3)."""


class ClientKind(enum.Enum):
    """What somebody is registered for. Each kind is unknown wherever the other one is asked for (ADR 0019)."""

    OAUTH = "client"
    """Holds tokens."""
    VERIFIER = "verifier"
    """A service that reads revocations and subjects' states at ``/verifiers/v1``, and gets no token ever."""


class ApplicationType(enum.Enum):
    """What kind of program a client is (OpenID Connect Registration §2): it decides which redirect URIs it may have."""

    WEB = "web"
    NATIVE = "native"


class ClientAuthMethod(enum.Enum):
    """How a client authenticates at the token endpoint (RFC 7591 §2)."""

    NONE = "none"
    BASIC = "client_secret_basic"
    POST = "client_secret_post"


class GrantType(enum.Enum):
    """What a client may ask for at the token endpoint."""

    AUTHORIZATION_CODE = "authorization_code"
    REFRESH_TOKEN = "refresh_token"
    CLIENT_CREDENTIALS = "client_credentials"


class ClientSource(enum.Enum):
    """Where a client is defined, and so who can change it."""

    BUILT_IN = "built_in"
    SETTINGS = "settings"
    """OAUTH_CLIENTS_JSON."""
    RECORD = "record"
    """Administrators."""


@dataclass(frozen=True, slots=True)
class ClientSecretHash:
    """One secret of a client, as it is kept: its SHA-256, which suffices for text of 256 random bits.

    ``expires_at`` is set on the older of two while they are rolled. When a secret of the settings was made, nobody
    knows.
    """

    id: str
    digest: bytes = field(repr=False)
    created_at: datetime | None
    expires_at: datetime | None = None

    @classmethod
    def of(cls, secret: Secret[str], *, secret_id: str, created_at: datetime | None) -> ClientSecretHash:
        """Return the hash of a secret that is being set."""
        return cls(secret_id, digest_of(secret), created_at)

    def is_live(self, now: datetime) -> bool:
        """Say whether the secret still counts."""
        return self.expires_at is None or now < self.expires_at


@dataclass(frozen=True, slots=True)
class Client:
    """A client that may hold tokens, or a verifier, which may not.

    ``audience`` is what its access tokens are for where it names no ``resource``; ``audiences`` are what it may name
    (RFC 8707). ``scope`` is what it may ask for at most. ``access_token_lifetime`` and ``refresh_lifetime`` replace the
    installation's where they are shorter.

    Of a VERIFIER ``audience`` is what the tokens that it takes are for; it has no grants, scopes and URIs.
    """

    client_id: str
    name: str
    first_party: bool
    scope: tuple[str, ...]
    audience: str
    audiences: tuple[str, ...] = ()
    application_type: ApplicationType = ApplicationType.WEB
    auth_method: ClientAuthMethod = ClientAuthMethod.NONE
    secrets: tuple[ClientSecretHash, ...] = ()
    grants: frozenset[GrantType] = frozenset()
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    require_pkce: bool = True
    access_token_lifetime: timedelta | None = None
    refresh_lifetime: timedelta | None = None
    disabled: bool = False
    source: ClientSource = ClientSource.RECORD
    kind: ClientKind = ClientKind.OAUTH
    revision: int = 1
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def is_public(self) -> bool:
        """Whether the client can keep no secret (RFC 6749 §2.1)."""
        return self.auth_method is ClientAuthMethod.NONE

    def may_use(self, grant: GrantType) -> bool:
        """Say whether the client is registered for a grant."""
        return grant in self.grants

    def is_authentic(self, secret: Secret[str], now: datetime) -> bool:
        """Say whether ``secret`` is one of the client's. All are compared, in constant time (TE-05)."""
        presented = digest_of(secret)
        matches = [hmac.compare_digest(held.digest, presented) and held.is_live(now) for held in self.secrets]
        return any(matches)


def digest_of(secret: Secret[str]) -> bytes:
    """Return what is kept of a client secret."""
    return hashlib.sha256(secret.reveal().encode()).digest()


def built_in_clients(
    issuer: str,
    *,
    bff_secret: Secret[str] | None = None,
    bff_redirect_uri: str | None = None,
    mobile_redirect_uris: tuple[str, ...] = (),
) -> tuple[Client, ...]:
    """Return the clients of every installation: ``bff`` (the app), ``cli``, and ``mobile`` where it has redirect URIs.

    Without ``bff_secret`` the app can sign nobody in through the code flow. ``mobile`` may not administer: other apps
    on a phone can claim its private-use scheme.
    """
    audience = api_audience(issuer)
    grants = frozenset({GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN})
    held = () if bff_secret is None else (ClientSecretHash.of(bff_secret, secret_id="settings", created_at=None),)
    bff = Client(
        "bff",
        name="Paseport",
        first_party=True,
        scope=FIRST_PARTY_SCOPE,
        audience=audience,
        auth_method=ClientAuthMethod.BASIC,
        secrets=held,
        grants=grants,
        redirect_uris=(bff_redirect_uri or f"{issuer}{BFF_CALLBACK_PATH}",),
        source=ClientSource.BUILT_IN,
    )
    cli = Client(
        "cli",
        name="Paseport command line",
        first_party=True,
        # It stays signed in when the browser signs out, and is ended among the devices.
        scope=SCOPES,
        audience=audience,
        application_type=ApplicationType.NATIVE,
        grants=grants,
        redirect_uris=(CLI_REDIRECT_URI,),
        source=ClientSource.BUILT_IN,
    )
    if not mobile_redirect_uris:
        return bff, cli
    mobile = Client(
        "mobile",
        name="Paseport on phones",
        first_party=True,
        scope=tuple(scope for scope in SCOPES if scope != "admin"),
        audience=audience,
        application_type=ApplicationType.NATIVE,
        grants=grants,
        redirect_uris=mobile_redirect_uris,
        source=ClientSource.BUILT_IN,
    )
    return bff, cli, mobile


def api_audience(issuer: str) -> str:
    """Return the audience of first-party access tokens."""
    return f"{issuer}/api"


def userinfo_audience(issuer: str) -> str:
    """Return the audience of access tokens that a third-party client gets where it names no ``resource``."""
    return f"{issuer}/userinfo"
