"""What the api reads from its environment."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec
from paseport.secret import Secret
from paseport_shared.domain.models.key_carrier import BEARER, CARRIERS, X_API_KEY
from paseport_shared.domain.models.session import SessionPolicy
from paseport_shared.edge_settings import edge_host_problems, pepper_problems
from paseport_shared.production_settings import RedisVariables, ServerVariables
from paseport_shared.settings import Env, SettingProblem, WebSettings

_DAY: Final = 86_400
_MANY: Final = 1_000_000
_SALT: Final = re.compile(r"[0-9A-Fa-f]{64}")


class ForwardAuthVariables(msgspec.Struct, frozen=True, kw_only=True):
    """How requests to routed services are decided about, in production and in the embedded mode alike."""

    policy_file: Annotated[Path | None, Env("PASEPORT_POLICY_FILE")] = None
    """Without one there are no rules, and nothing passes."""
    rate_limit_shares: Annotated[int, Env("PASEPORT_RATE_LIMIT_SHARES", 1, 1024)] = 1
    """How many api processes count side by side; each gets its part of a limit that is not strict."""
    rate_limit_user: Annotated[int, Env("PASEPORT_RATE_LIMIT_USER", 0, _MANY)] = 0
    """Requests a minute of one user; 0 is any number. The same for one address below."""
    rate_limit_address: Annotated[int, Env("PASEPORT_RATE_LIMIT_ADDRESS", 0, _MANY)] = 0
    bad_credentials: Annotated[int, Env("PASEPORT_BAD_CREDENTIALS_PER_MINUTE", 0, _MANY)] = 600
    """How many one address may try in vain; 0 is any number."""
    api_key_carriers: Annotated[tuple[str, ...], Env("PASEPORT_API_KEY_CARRIERS")] = (BEARER, X_API_KEY)
    legacy_token_pepper: Annotated[Secret[str] | None, Env("PASEPORT_LEGACY_TOKEN_PEPPER", 1)] = None
    """Of a system whose tokens were imported; set, any text may be one of them."""
    legacy_token_salt: Annotated[Secret[str] | None, Env("PASEPORT_LEGACY_TOKEN_SALT", 1)] = None
    """The same of rusty-valkey-forward-auth, as its settings have it: 64 hexadecimal digits."""

    def relation_problems(self) -> Iterable[SettingProblem]:
        """Yield a problem for each value that cannot be used."""
        if not set(self.api_key_carriers) <= set(CARRIERS):
            yield SettingProblem(
                "PASEPORT_API_KEY_CARRIERS", f"must be some of {', '.join(CARRIERS)}, separated by commas"
            )
        salt = self.legacy_token_salt
        if salt is not None and _SALT.fullmatch(salt.reveal()) is None:
            yield SettingProblem("PASEPORT_LEGACY_TOKEN_SALT", "must be 64 hexadecimal digits")


class Settings(WebSettings, frozen=True, kw_only=True):
    """One field a variable."""

    issuer_internal_url: Annotated[str, Env("PASEPORT_ISSUER_INTERNAL_URL")]
    service_secret: Annotated[Secret[str], Env("PASEPORT_SERVICE_SECRET")]
    api_key_pepper: Annotated[Secret[str], Env("PASEPORT_API_KEY_PEPPER")]
    """The issuer's: ``VERSION:SECRET`` with commas, or one secret, which is version 1."""
    edge_hosts: Annotated[tuple[str, ...], Env("PASEPORT_EDGE_HOSTS")] = ()
    """Patterns of the hosts to which sign-ins are handed over."""
    forward_auth: ForwardAuthVariables = ForwardAuthVariables()

    def relation_problems(self) -> Iterable[SettingProblem]:
        """Yield a problem for each value that cannot be used."""
        yield from self.web_problems(allow_loopback_http=True)
        yield from self._internal_url_problems()
        yield from pepper_problems("PASEPORT_API_KEY_PEPPER", self.api_key_pepper)
        yield from edge_host_problems("PASEPORT_EDGE_HOSTS", self.edge_hosts)

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
