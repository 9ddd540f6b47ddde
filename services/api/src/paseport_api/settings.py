"""What the api reads from its environment."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final
from urllib.parse import urlsplit

from paseport_shared.domain.models.secret import Secret
from paseport_shared.settings import Env, SettingProblem, WebSettings

_LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class Settings(WebSettings, frozen=True, kw_only=True):
    """One field a variable."""

    server_port: Annotated[int, Env("SERVER_PORT", 1, 65535)] = 3001
    internal_port: Annotated[int, Env("PASEPORT_INTERNAL_PORT", 1, 65535)] = 3011
    issuer_internal_url: Annotated[str, Env("PASEPORT_ISSUER_INTERNAL_URL")]
    service_secret: Annotated[Secret[str], Env("PASEPORT_SERVICE_SECRET")]
    log_level: Annotated[str, Env("LOG_LEVEL")] = "INFO"

    def relation_problems(self) -> Iterable[SettingProblem]:
        """Yield a problem for each value that cannot be used."""
        yield from self.web_problems(allow_loopback_http=True)
        yield from self._internal_url_problems()
        if self.internal_port == self.server_port:
            yield SettingProblem("PASEPORT_INTERNAL_PORT", "must differ from SERVER_PORT")
        if self.log_level.upper() not in _LOG_LEVELS:
            yield SettingProblem("LOG_LEVEL", f"must be one of {', '.join(_LOG_LEVELS)}")

    def _internal_url_problems(self) -> Iterable[SettingProblem]:
        parts = urlsplit(self.issuer_internal_url)
        is_bare = not (parts.path or parts.query or parts.fragment or parts.username)
        if parts.scheme not in ("http", "https") or not parts.hostname or not is_bare:
            yield SettingProblem(
                "PASEPORT_ISSUER_INTERNAL_URL", "must be a URL such as http://issuer:3010, without path"
            )
