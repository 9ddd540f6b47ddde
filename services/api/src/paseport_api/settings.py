"""What the api reads from its environment."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec
from paseport.secret import Secret
from paseport_shared.domain.models.session import SessionPolicy
from paseport_shared.production_settings import RedisVariables, ServerVariables
from paseport_shared.settings import Env, SettingProblem, WebSettings

_DAY: Final = 86_400


class Settings(WebSettings, frozen=True, kw_only=True):
    """One field a variable."""

    issuer_internal_url: Annotated[str, Env("PASEPORT_ISSUER_INTERNAL_URL")]
    service_secret: Annotated[Secret[str], Env("PASEPORT_SERVICE_SECRET")]

    def relation_problems(self) -> Iterable[SettingProblem]:
        """Yield a problem for each value that cannot be used."""
        yield from self.web_problems(allow_loopback_http=True)
        yield from self._internal_url_problems()

    def _internal_url_problems(self) -> Iterable[SettingProblem]:
        parts = urlsplit(self.issuer_internal_url)
        is_bare = not (parts.path or parts.query or parts.fragment or parts.username)
        if parts.scheme not in ("http", "https") or not parts.hostname or not is_bare:
            yield SettingProblem(
                "PASEPORT_ISSUER_INTERNAL_URL", "must be a URL such as http://issuer:3010, without path"
            )


class ProductionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What an api that runs as a process of its own reads. It has no database and no Vault."""

    api: Settings
    redis: RedisVariables
    server: ServerVariables
    server_port: Annotated[int, Env("SERVER_PORT", 1, 65535)] = 3001
    internal_port: Annotated[int, Env("PASEPORT_INTERNAL_PORT", 1, 65535)] = 3011
    session_idle: Annotated[timedelta, Env("PASEPORT_SESSION_IDLE", 60, 365 * _DAY)] = timedelta(hours=12)
    session_max: Annotated[timedelta, Env("PASEPORT_SESSION_MAX", 60, 365 * _DAY)] = timedelta(days=30)

    @property
    def session_policy(self) -> SessionPolicy:
        """How long sessions live: the issuer's values, to show which are live."""
        return SessionPolicy(idle=self.session_idle, max_lifetime=self.session_max)

    def relation_problems(self) -> Iterable[SettingProblem]:
        """Yield a problem for each value that cannot be used."""
        if self.server_port == self.internal_port:
            yield SettingProblem("PASEPORT_INTERNAL_PORT", "must differ from SERVER_PORT")
        if not self.api.is_https:
            yield SettingProblem("ACCESS_TOKEN_ISSUER", "must be an https URL")
