"""What the issuer reads from its environment."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec
from paseport.secret import Secret
from paseport_shared.domain.errors import ValidationFailed
from paseport_shared.domain.models.api_key import ApiKeyPeppers
from paseport_shared.domain.models.client import ApplicationType, Client, built_in_clients
from paseport_shared.domain.models.client_registration import ClientRules, VerifierRules
from paseport_shared.domain.models.password import check_new_password
from paseport_shared.domain.models.profile import check_profile
from paseport_shared.domain.models.redirect_uri import registration_problem
from paseport_shared.domain.models.refresh_token import RefreshPolicy
from paseport_shared.domain.models.roles import ADMIN
from paseport_shared.domain.models.session import SessionPolicy
from paseport_shared.edge_settings import edge_host_problems, pepper_problems, read_api_key_peppers
from paseport_shared.production_settings import OutboundVariables, RedisVariables, ServerVariables
from paseport_shared.settings import Env, SettingProblem, WebSettings

from paseport_issuer.configured_clients import mobile_problems, read_configured_clients

_DAY = 86_400
ACCESS_TOKEN_TTL: Final = timedelta(seconds=300)
REFRESH_MAX_LIFETIME: Final = timedelta(days=90)
"""What holds where nothing is set, as in the embedded mode."""


class Settings(WebSettings, frozen=True, kw_only=True):
    """One field a variable. Durations are seconds in the environment."""

    access_token_ttl: Annotated[timedelta, Env("ACCESS_TOKEN_TTL", 30, 3600)] = ACCESS_TOKEN_TTL
    refresh_key: Annotated[Secret[bytes], Env("PASEPORT_REFRESH_KEY")]
    service_secret: Annotated[Secret[str], Env("PASEPORT_SERVICE_SECRET")]
    api_key_pepper: Annotated[Secret[str], Env("PASEPORT_API_KEY_PEPPER")]
    """``VERSION:SECRET`` with commas, or one secret, which is version 1. The highest version is for new keys."""
    edge_hosts: Annotated[tuple[str, ...], Env("PASEPORT_EDGE_HOSTS")] = ()
    """Patterns of the hosts to which sign-ins are handed over."""
    cli_secret: Secret[str] | None = None
    """Of embedded mode alone; production signs its command line in as a person."""
    cookie_secure: Annotated[bool, Env("COOKIE_SECURE")] = True
    key_document_max_age: Annotated[timedelta, Env("PASEPORT_KEY_DOCUMENT_MAX_AGE", 1, 300)] = timedelta(seconds=60)
    session_idle: Annotated[timedelta, Env("PASEPORT_SESSION_IDLE", 60, 365 * _DAY)] = timedelta(hours=12)
    session_max: Annotated[timedelta, Env("PASEPORT_SESSION_MAX", 60, 365 * _DAY)] = timedelta(days=30)
    refresh_token_ttl: Annotated[timedelta, Env("REDIS_REFRESH_TOKEN_TTL", 60, 365 * _DAY)] = timedelta(days=14)
    refresh_max_lifetime: Annotated[timedelta, Env("PASEPORT_REFRESH_MAX_LIFETIME", 60, 3650 * _DAY)] = (
        REFRESH_MAX_LIFETIME
    )
    refresh_grace: Annotated[timedelta, Env("PASEPORT_REFRESH_GRACE", 0, 60)] = timedelta(seconds=10)
    login_attempts_per_address: Annotated[int, Env("PASEPORT_LOGIN_ATTEMPTS_PER_ADDRESS", 1, 1_000_000)] = 100
    """In any 15 minutes."""
    bff_client_secret: Annotated[Secret[str], Env("BFF_CLIENT_SECRET")]
    bff_redirect_uri: Annotated[str | None, Env("BFF_REDIRECT_URI")] = None
    """Unset: the issuer's own callback."""
    mobile_redirect_uris: Annotated[tuple[str, ...], Env("MOBILE_REDIRECT_URIS")] = ()
    oauth_clients_json: Annotated[Secret[str] | None, Env("OAUTH_CLIENTS_JSON", 1)] = None

    @property
    def client_rules(self) -> ClientRules:
        """What clients may be."""
        return ClientRules(self.access_token_issuer, self.access_token_ttl, self.refresh_max_lifetime)

    @property
    def verifier_rules(self) -> VerifierRules:
        """What registered verifiers may be."""
        return VerifierRules(self.access_token_issuer)

    def defined_clients(self) -> dict[str, Client]:
        """Return the clients that this installation defines, by id: built in, and from the settings."""
        built_in = built_in_clients(
            self.access_token_issuer,
            bff_secret=self.bff_client_secret,
            bff_redirect_uri=self.bff_redirect_uri,
            mobile_redirect_uris=self.mobile_redirect_uris,
        )
        configured, _ = read_configured_clients(self.oauth_clients_json, self.client_rules)
        return {client.client_id: client for client in (*configured, *built_in)}

    @property
    def api_key_peppers(self) -> ApiKeyPeppers:
        """What API keys are hashed with."""
        return read_api_key_peppers(self.api_key_pepper)

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
        yield from pepper_problems("PASEPORT_API_KEY_PEPPER", self.api_key_pepper)
        yield from edge_host_problems("PASEPORT_EDGE_HOSTS", self.edge_hosts)
        yield from self._client_problems()

    def _client_problems(self) -> Iterable[SettingProblem]:
        if self.bff_redirect_uri is not None:
            problem = registration_problem(self.bff_redirect_uri, ApplicationType.WEB)
            if problem is None and not self.bff_redirect_uri.startswith(f"{self.origin}/"):
                # The cookies of a sign-in are those of this host, so the browser has to come back to it.
                problem = "must be on the host of ACCESS_TOKEN_ISSUER"
            if problem is not None:
                yield SettingProblem("BFF_REDIRECT_URI", problem)
        yield from mobile_problems(self.mobile_redirect_uris)
        _, problems = read_configured_clients(self.oauth_clients_json, self.client_rules)
        yield from problems


class ProductionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What an issuer that runs as a process of its own reads. The internal port is for the api and for operators."""

    issuer: Settings
    redis: RedisVariables
    server: ServerVariables
    outbound: OutboundVariables
    server_port: Annotated[int, Env("SERVER_PORT", 1, 65535)] = 3000
    internal_port: Annotated[int, Env("PASEPORT_INTERNAL_PORT", 1, 65535)] = 3010
    mariadb_url: Annotated[Secret[str], Env("MARIADB_URL", 1)]
    password_pepper: Annotated[Secret[bytes], Env("PASEPORT_PASSWORD_PEPPER")]
    password_work_factor: Annotated[int, Env("PASEPORT_PASSWORD_WORK_FACTOR", 10, 15)] = 12
    """Of bcrypt: one more doubles the work. A hash with another one is replaced at the next right password."""
    vault_url: Annotated[str, Env("VAULT_URL")]
    vault_allow_http: Annotated[bool, Env("VAULT_ALLOW_HTTP")] = False
    vault_token: Annotated[Secret[str] | None, Env("VAULT_TOKEN", 1)] = None
    vault_role_id: Annotated[str | None, Env("PASEPORT_VAULT_ROLE_ID")] = None
    vault_secret_id: Annotated[Secret[str] | None, Env("PASEPORT_VAULT_SECRET_ID", 1)] = None
    vault_namespace: Annotated[str | None, Env("PASEPORT_VAULT_NAMESPACE")] = None
    vault_ca: Annotated[Path | None, Env("PASEPORT_VAULT_CA")] = None
    mount_path: Annotated[str, Env("MOUNT_PATH")] = "transit"
    transit_key: Annotated[str, Env("TRANSIT_KEY")] = "paseport-access"
    id_key: Annotated[str, Env("PASEPORT_ID_KEY")] = "paseport-id"
    data_key: Annotated[str, Env("PASEPORT_DATA_KEY")] = "paseport-data"
    """In Transit: it seals secrets that have to be read again, those of identity providers."""
    role_ttl: Annotated[timedelta, Env("REDIS_ROLE_TTL", 0, 365 * _DAY)] = timedelta(0)
    """0: entries stay. With another value a missing entry is never final, and the issuer is asked."""
    admin_email: Annotated[str, Env("PASEPORT_ADMIN_EMAIL")] = "admin@example.com"
    admin_password: Annotated[Secret[str] | None, Env("PASEPORT_ADMIN_PASSWORD", 1)] = None
    """Of the first administrator, who is made where there is no user at all. Unset: nobody is."""

    def relation_problems(self) -> Iterable[SettingProblem]:
        """Yield a problem for each relation that does not hold."""
        yield from self._vault_problems()
        if self.transit_key == self.id_key:
            yield SettingProblem("PASEPORT_ID_KEY", "must differ from TRANSIT_KEY: one key signs one kind of token")
        if self.server_port == self.internal_port:
            yield SettingProblem("PASEPORT_INTERNAL_PORT", "must differ from SERVER_PORT")
        if not self.issuer.cookie_secure:
            yield SettingProblem("COOKIE_SECURE", "must be true: only the embedded mode speaks plain http")
        if not self.mariadb_url.reveal().startswith(("mariadb://", "mysql://")):
            yield SettingProblem("MARIADB_URL", "must be mariadb://user:password@host/database")
        if self.admin_password is not None:
            yield from self._admin_problems(self.admin_password)

    def _vault_problems(self) -> Iterable[SettingProblem]:
        parts = urlsplit(self.vault_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/") or parts.query:
            yield SettingProblem("VAULT_URL", "must be a URL such as https://vault:8200, without path")
        elif parts.scheme == "http" and not self.vault_allow_http:
            yield SettingProblem("VAULT_URL", "must be https; VAULT_ALLOW_HTTP=true allows http, on a private network")
        has_role = self.vault_role_id is not None and self.vault_secret_id is not None
        if has_role == (self.vault_token is not None) or (self.vault_role_id is None) != (self.vault_secret_id is None):
            yield SettingProblem(
                "VAULT_TOKEN", "set either VAULT_TOKEN or both PASEPORT_VAULT_ROLE_ID and PASEPORT_VAULT_SECRET_ID"
            )
        if self.vault_ca is not None and not self.vault_ca.is_file():
            yield SettingProblem("PASEPORT_VAULT_CA", "must name a file")

    def _admin_problems(self, password: Secret[str]) -> Iterable[SettingProblem]:
        try:
            check_profile(username="admin", email=self.admin_email, display_name=None, roles=(ADMIN,))
        except ValidationFailed as error:
            yield from (SettingProblem("PASEPORT_ADMIN_EMAIL", problem.message) for problem in error.problems)
        try:
            check_new_password(password, username="admin", email=self.admin_email)
        except ValidationFailed as error:
            yield from (SettingProblem("PASEPORT_ADMIN_PASSWORD", problem.message) for problem in error.problems)
