"""What the issuer reads from its environment."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated

from paseport_shared.domain.models.refresh_token import RefreshPolicy
from paseport_shared.domain.models.secret import Secret
from paseport_shared.domain.models.session import SessionPolicy
from paseport_shared.settings import Env, SettingProblem, WebSettings

_DAY = 86_400


class Settings(WebSettings, frozen=True, kw_only=True):
    """One field a variable. Durations are seconds in the environment."""

    access_token_ttl: Annotated[timedelta, Env("ACCESS_TOKEN_TTL", 30, 3600)] = timedelta(seconds=300)
    refresh_key: Annotated[Secret[bytes], Env("PASEPORT_REFRESH_KEY")]
    service_secret: Annotated[Secret[str], Env("PASEPORT_SERVICE_SECRET")]
    cli_secret: Secret[str] | None = None
    """Of embedded mode alone; production signs its command line in as a person."""
    cookie_secure: Annotated[bool, Env("COOKIE_SECURE")] = True
    key_document_max_age: Annotated[timedelta, Env("PASEPORT_KEY_DOCUMENT_MAX_AGE", 1, 300)] = timedelta(seconds=60)
    session_idle: Annotated[timedelta, Env("PASEPORT_SESSION_IDLE", 60, 365 * _DAY)] = timedelta(hours=12)
    session_max: Annotated[timedelta, Env("PASEPORT_SESSION_MAX", 60, 365 * _DAY)] = timedelta(days=30)
    refresh_token_ttl: Annotated[timedelta, Env("REDIS_REFRESH_TOKEN_TTL", 60, 365 * _DAY)] = timedelta(days=14)
    refresh_max_lifetime: Annotated[timedelta, Env("PASEPORT_REFRESH_MAX_LIFETIME", 60, 3650 * _DAY)] = timedelta(
        days=90
    )
    refresh_grace: Annotated[timedelta, Env("PASEPORT_REFRESH_GRACE", 0, 60)] = timedelta(seconds=10)
    login_attempts_per_address: Annotated[int, Env("PASEPORT_LOGIN_ATTEMPTS_PER_ADDRESS", 1, 1_000_000)] = 100
    """In any 15 minutes."""

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

    def relation_problems(self) -> Iterable[SettingProblem]:
        """Yield a problem for each relation that does not hold."""
        # Insecure cookies exist in embedded mode alone, on loopback.
        yield from self.web_problems(allow_loopback_http=not self.cookie_secure)
        if not self.cookie_secure and self.is_https:
            yield SettingProblem("COOKIE_SECURE", "must be true for an https issuer")
        if self.session_idle > self.session_max:
            yield SettingProblem("PASEPORT_SESSION_IDLE", "must not exceed PASEPORT_SESSION_MAX")
        if self.refresh_token_ttl > self.refresh_max_lifetime:
            yield SettingProblem("REDIS_REFRESH_TOKEN_TTL", "must not exceed PASEPORT_REFRESH_MAX_LIFETIME")
        if self.access_token_ttl >= self.refresh_token_ttl:
            yield SettingProblem("ACCESS_TOKEN_TTL", "must be shorter than REDIS_REFRESH_TOKEN_TTL")
