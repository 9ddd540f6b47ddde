"""What the embedded mode reads from its environment; nothing else in this package reads it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

import msgspec
from paseport.secret import Secret
from paseport_api.settings import ForwardAuthVariables
from paseport_issuer.configured_clients import mobile_problems, read_configured_clients
from paseport_issuer.settings import ACCESS_TOKEN_TTL, REFRESH_MAX_LIFETIME
from paseport_shared import settings as shared
from paseport_shared.domain.errors import ValidationFailed
from paseport_shared.domain.models.client_registration import ClientRules
from paseport_shared.domain.models.password import check_new_password
from paseport_shared.domain.models.profile import check_profile
from paseport_shared.domain.models.roles import ADMIN
from paseport_shared.edge_settings import edge_host_problems
from paseport_shared.production_settings import OutboundVariables
from paseport_shared.settings import Env, SettingProblem, SettingsProblems, network_problems

from paseport_standalone.data_folder import REPOSITORY, DataFolder, default_data_folder
from paseport_standalone.ports import HOST, origin_of

_LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")
_OTHER_MODE: Final = ("ACCESS_TOKEN_ISSUER", "MARIADB_URL", "REDIS_URL", "REDIS_SENTINELS", "VAULT_URL")
"""Whoever sets one of these expects a protection or a durability that this mode does not have."""
_MAX_PORT: Final = 65_535


class EmbeddedSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of the embedded mode. Port 0 takes any free one, for tests."""

    outbound: OutboundVariables
    forward_auth: ForwardAuthVariables
    server_port: Annotated[int, Env("SERVER_PORT", 0, _MAX_PORT)] = 8080
    internal_port: Annotated[int, Env("PASEPORT_INTERNAL_PORT", 0, _MAX_PORT)] = 8081
    server_host: Annotated[str, Env("SERVER_HOST")] = HOST
    cookie_secure: Annotated[bool, Env("COOKIE_SECURE")] = False
    data_dir: Path
    app_dir: Path
    admin_email: Annotated[str, Env("PASEPORT_ADMIN_EMAIL")] = "admin@example.com"
    admin_password: Secret[str] | None = None
    log_level: Annotated[str, Env("LOG_LEVEL")] = "INFO"
    login_attempts_per_address: Annotated[int, Env("PASEPORT_LOGIN_ATTEMPTS_PER_ADDRESS", 1, 1_000_000)] = 100
    """In any 15 minutes."""
    key_document_max_age: Annotated[timedelta, Env("PASEPORT_KEY_DOCUMENT_MAX_AGE", 1, 300)] = timedelta(seconds=60)
    password_work_factor: Annotated[int, Env("PASEPORT_PASSWORD_WORK_FACTOR", 10, 15)] = 12
    mobile_redirect_uris: Annotated[tuple[str, ...], Env("MOBILE_REDIRECT_URIS")] = ()
    oauth_clients_json: Annotated[Secret[str] | None, Env("OAUTH_CLIENTS_JSON", 1)] = None
    trusted_proxies: Annotated[tuple[str, ...], Env("PASEPORT_TRUSTED_PROXIES")] = ()
    """Networks of the proxies that may ask whether a request passes."""
    edge_hosts: Annotated[tuple[str, ...], Env("PASEPORT_EDGE_HOSTS")] = ()
    """Patterns of the hosts to which sign-ins are handed over."""

    def relation_problems(self) -> Iterable[SettingProblem]:
        """Yield a problem for each value that this mode does not take."""
        if self.server_port == self.internal_port != 0:
            yield SettingProblem("PASEPORT_INTERNAL_PORT", f"must not be SERVER_PORT too ({self.server_port})")
        if self.server_host not in (HOST, "localhost"):
            yield SettingProblem("SERVER_HOST", f"must be {HOST}: this mode speaks plain http to this machine only")
        if self.cookie_secure:
            yield SettingProblem("COOKIE_SECURE", "must be false: this mode has no https")
        if self.log_level.upper() not in _LOG_LEVELS:
            yield SettingProblem("LOG_LEVEL", f"must be one of {', '.join(_LOG_LEVELS)}")
        yield from mobile_problems(self.mobile_redirect_uris)
        rules = ClientRules(origin_of(self.server_port), ACCESS_TOKEN_TTL, REFRESH_MAX_LIFETIME)
        yield from read_configured_clients(self.oauth_clients_json, rules)[1]
        yield from network_problems("PASEPORT_TRUSTED_PROXIES", self.trusted_proxies)
        yield from edge_host_problems("PASEPORT_EDGE_HOSTS", self.edge_hosts)
        try:
            check_profile(username="admin", email=self.admin_email, display_name=None, roles=(ADMIN,))
        except ValidationFailed as error:
            yield from (SettingProblem("PASEPORT_ADMIN_EMAIL", problem.message) for problem in error.problems)
        try:
            if self.admin_password is not None:
                check_new_password(self.admin_password, username="admin", email=self.admin_email)
        except ValidationFailed as error:
            yield from (SettingProblem("PASEPORT_ADMIN_PASSWORD", problem.message) for problem in error.problems)


class _AdminPassword(msgspec.Struct, frozen=True):
    # Read on its own: a password that a person chose has another rule than a generated secret.
    text: Annotated[str | None, Env("PASEPORT_ADMIN_PASSWORD")] = None


def find_data_folder() -> DataFolder:
    """Return the data folder that this environment names: all that a command for a running issuer has to know."""
    return DataFolder(_data_dir(os.environ))


def find_issuer(named: str | None) -> str | None:
    """Return the issuer that a command is for: the one that was ``named``, else PASEPORT_ISSUER, else None."""
    return named or os.environ.get("PASEPORT_ISSUER") or None


def find_authority_file() -> str | None:
    """Return the file of certificate authorities that SSL_CERT_FILE names, as it does for other programs."""
    return os.environ.get("SSL_CERT_FILE") or None


def find_config_folder() -> Path:
    """Return where this user's programs keep what they remember (XDG Base Directory)."""
    named = os.environ.get("XDG_CONFIG_HOME", "")
    # A relative path is to be ignored there.
    base = Path(named) if Path(named).is_absolute() else Path.home() / ".config"
    return base / "paseport"


def load_settings(environment: Mapping[str, str] | None = None) -> EmbeddedSettings:
    """Read the settings. Raises ``SettingsProblems`` with everything that is wrong with them."""
    environment = os.environ if environment is None else environment
    problems = [
        SettingProblem(name, "has no effect in the embedded mode; unset it, or run the services themselves")
        for name in _OTHER_MODE
        if environment.get(name)
    ]
    password: Secret[str] | None = None
    try:
        text = shared.load_settings(_AdminPassword, environment).text
        password = None if text is None else Secret(text)
    except SettingsProblems as error:
        problems += error.problems

    def load(variables: Mapping[str, str]) -> EmbeddedSettings:
        return shared.load_settings(
            EmbeddedSettings,
            variables,
            data_dir=_data_dir(environment),
            app_dir=Path(environment.get("PASEPORT_APP_DIR") or REPOSITORY / "frontend" / "build"),
            admin_password=password,
        )

    try:
        settings = load(environment)
    except SettingsProblems as error:
        problems += error.problems
        # Relations are looked at only where every value could be read; so once more without those that could not.
        unreadable = {problem.name for problem in error.problems}
        readable = {name: text for name, text in environment.items() if name.removesuffix("_FILE") not in unreadable}
        try:
            load(readable)
        except SettingsProblems as more:
            problems += (problem for problem in more.problems if problem.name not in unreadable)
        raise SettingsProblems(problems) from error
    if problems:
        raise SettingsProblems(problems)
    return settings


def _data_dir(environment: Mapping[str, str]) -> Path:
    named = environment.get("PASEPORT_DATA_DIR")
    return Path(named).absolute() if named else default_data_folder(environment)
