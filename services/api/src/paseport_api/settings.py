"""What the api reads from its environment."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec
from paseport_shared.domain.models.secret import Secret
from paseport_shared.settings import Env, SettingProblem, issuer_problems, network_problems

_LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One field a variable."""

    access_token_issuer: Annotated[str, Env("ACCESS_TOKEN_ISSUER")]
    server_port: Annotated[int, Env("SERVER_PORT", 1, 65535)] = 3001
    internal_port: Annotated[int, Env("PASEPORT_INTERNAL_PORT", 1, 65535)] = 3011
    issuer_internal_url: Annotated[str, Env("PASEPORT_ISSUER_INTERNAL_URL")]
    service_secret: Annotated[Secret[str], Env("PASEPORT_SERVICE_SECRET")]
    cors_origins: Annotated[tuple[str, ...], Env("CORS_ORIGINS")] = ()
    allowed_hosts: Annotated[tuple[str, ...], Env("PASEPORT_ALLOWED_HOSTS")] = ()
    """Besides the host of the issuer, with which the api shares its origin."""
    trusted_proxies: Annotated[tuple[str, ...], Env("PASEPORT_TRUSTED_PROXIES")] = ()
    log_level: Annotated[str, Env("LOG_LEVEL")] = "INFO"

    @property
    def origin(self) -> str:
        """Scheme, host and port of the issuer, where the app lives and the edge serves the api too."""
        parts = urlsplit(self.access_token_issuer)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def hosts(self) -> tuple[str, ...]:
        """Values of the Host header that are served."""
        return (urlsplit(self.access_token_issuer).netloc, *self.allowed_hosts)

    @property
    def is_https(self) -> bool:
        """Whether browsers reach the api over https."""
        return self.access_token_issuer.startswith("https://")

    def relation_problems(self) -> Iterable[SettingProblem]:
        """Yield a problem for each value that cannot be used."""
        # Plain http on loopback is the embedded mode; anywhere else somebody could stand in between.
        yield from issuer_problems("ACCESS_TOKEN_ISSUER", self.access_token_issuer, allow_loopback_http=True)
        yield from network_problems("PASEPORT_TRUSTED_PROXIES", self.trusted_proxies)
        yield from self._internal_url_problems()
        if self.internal_port == self.server_port:
            yield SettingProblem("PASEPORT_INTERNAL_PORT", "must differ from SERVER_PORT")
        if self.log_level.upper() not in _LOG_LEVELS:
            yield SettingProblem("LOG_LEVEL", f"must be one of {', '.join(_LOG_LEVELS)}")
        if any(not origin.startswith("https://") or origin.count("/") != 2 for origin in self.cors_origins):
            yield SettingProblem("CORS_ORIGINS", "must be https origins such as https://app.example.com")

    def _internal_url_problems(self) -> Iterable[SettingProblem]:
        parts = urlsplit(self.issuer_internal_url)
        is_bare = not (parts.path or parts.query or parts.fragment or parts.username)
        if parts.scheme not in ("http", "https") or not parts.hostname or not is_bare:
            yield SettingProblem(
                "PASEPORT_ISSUER_INTERNAL_URL", "must be a URL such as http://issuer:3010, without path"
            )
