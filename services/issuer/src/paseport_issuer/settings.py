"""What the issuer reads from its environment."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from paseport_shared.domain.models.refresh_token import RefreshPolicy
from paseport_shared.domain.models.secret import Secret
from paseport_shared.domain.models.session import SessionPolicy


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One field a variable; see docker/.env.example for units and meaning."""

    access_token_issuer: str
    access_token_ttl: timedelta = timedelta(seconds=300)
    refresh_key: Secret[bytes]
    service_secret: Secret[str]
    cli_secret: Secret[str] | None = None
    cookie_secure: bool = True
    cors_origins: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    key_document_max_age: timedelta = timedelta(seconds=60)
    session_idle: timedelta = timedelta(hours=12)
    session_max: timedelta = timedelta(days=30)
    refresh_token_ttl: timedelta = timedelta(days=14)
    refresh_max_lifetime: timedelta = timedelta(days=90)
    refresh_grace: timedelta = timedelta(seconds=10)
    login_attempts_per_address: int = 100

    @property
    def session_policy(self) -> SessionPolicy:
        """How long sessions live."""
        return SessionPolicy(idle=self.session_idle, max_lifetime=self.session_max)

    @property
    def refresh_policy(self) -> RefreshPolicy:
        """How refresh tokens rotate."""
        return RefreshPolicy(
            grace=self.refresh_grace, idle=self.refresh_token_ttl, max_lifetime=self.refresh_max_lifetime
        )
