"""What a service that runs as a process of its own reads from its environment, beside its own settings."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec
from paseport.secret import Secret

from paseport_shared.domain.models.outbound_url import OutboundTarget, parse_target
from paseport_shared.settings import Env, SettingProblem

LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_REDIS_PORT: Final = 6379
_SENTINEL_PORT: Final = 26379
_NAMESPACE_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_-.")


class ServerVariables(msgspec.Struct, frozen=True, kw_only=True):
    """How the service listens and logs."""

    server_host: Annotated[str, Env("SERVER_HOST")] = "127.0.0.1"
    log_level: Annotated[str, Env("LOG_LEVEL")] = "INFO"

    def relation_problems(self) -> Iterable[SettingProblem]:
        """Yield a problem for each value that cannot be used."""
        if self.log_level.upper() not in LOG_LEVELS:
            yield SettingProblem("LOG_LEVEL", f"must be one of {', '.join(LOG_LEVELS)}")


class RedisVariables(msgspec.Struct, frozen=True, kw_only=True):
    """Redis behind Sentinel, or a single node. Names of keys begin with what ``REDIS_NAMESPACE_*`` says."""

    sentinels: Annotated[tuple[str, ...], Env("REDIS_SENTINELS")] = ()
    master_name: Annotated[str, Env("REDIS_MASTER_NAME")] = "paseport"
    url: Annotated[Secret[str] | None, Env("REDIS_URL", 1)] = None
    """``redis://host:port``, or ``rediss://`` for TLS: one node, without Sentinels and without replicas."""
    username: Annotated[str | None, Env("REDIS_USERNAME")] = None
    password: Annotated[Secret[str] | None, Env("REDIS_PASSWORD", 1)] = None
    sentinel_username: Annotated[str | None, Env("REDIS_SENTINEL_USERNAME")] = None
    sentinel_password: Annotated[Secret[str] | None, Env("REDIS_SENTINEL_PASSWORD", 1)] = None
    db: Annotated[int, Env("REDIS_DB", 0, 1023)] = 0
    tls: Annotated[bool, Env("REDIS_TLS")] = False
    tls_skip_verify: Annotated[bool, Env("REDIS_TLS_SKIP_VERIFY")] = False
    ca: Annotated[Path | None, Env("PASEPORT_REDIS_CA")] = None
    wait_replicas: Annotated[int | None, Env("REDIS_WAIT_REPLICAS", 0, 1)] = None
    """How many replicas must confirm what an answer depends on: 1 behind Sentinel, 0 for a single node."""
    timeout_ms: Annotated[int, Env("PASEPORT_REDIS_TIMEOUT_MS", 50, 5000)] = 500
    """How long Redis may take to answer, in milliseconds; replicas may take two fifths of that to confirm a write."""
    namespace_refresh_token: Annotated[str, Env("REDIS_NAMESPACE_REFRESH_TOKEN")] = "refresh_token"
    namespace_session: Annotated[str, Env("REDIS_NAMESPACE_SESSION")] = "session"
    namespace_transaction: Annotated[str, Env("REDIS_NAMESPACE_TRANSACTION")] = "transaction"
    namespace_external_sign_in: Annotated[str, Env("REDIS_NAMESPACE_EXTERNAL_SIGN_IN")] = "external_sign_in"
    namespace_pending_link: Annotated[str, Env("REDIS_NAMESPACE_PENDING_LINK")] = "pending_link"
    namespace_handover: Annotated[str, Env("REDIS_NAMESPACE_HANDOVER")] = "handover"
    namespace_authorization_code: Annotated[str, Env("REDIS_NAMESPACE_AUTHORIZATION_CODE")] = "authorization_code"
    namespace_role: Annotated[str, Env("REDIS_NAMESPACE_ROLE")] = "role"
    namespace_client: Annotated[str, Env("REDIS_NAMESPACE_CLIENT")] = "client"
    namespace_api_key: Annotated[str, Env("REDIS_NAMESPACE_API_KEY")] = "api_key"
    namespace_api_key_use: Annotated[str, Env("REDIS_NAMESPACE_API_KEY_USE")] = "api_key_use"
    namespace_attempts: Annotated[str, Env("REDIS_NAMESPACE_ATTEMPTS")] = "attempts"
    namespace_revocation: Annotated[str, Env("REDIS_NAMESPACE_REVOCATION")] = "revocation"
    namespace_pending_record: Annotated[str, Env("REDIS_NAMESPACE_PENDING_RECORD")] = "pending_record"

    @property
    def replicas_to_wait_for(self) -> int:
        """How many replicas confirm a write."""
        if self.wait_replicas is None:
            return 1 if self.sentinels else 0
        return self.wait_replicas

    @property
    def namespaces(self) -> dict[str, str]:
        """The prefixes, by the variable that names each."""
        return {
            "REDIS_NAMESPACE_REFRESH_TOKEN": self.namespace_refresh_token,
            "REDIS_NAMESPACE_SESSION": self.namespace_session,
            "REDIS_NAMESPACE_TRANSACTION": self.namespace_transaction,
            "REDIS_NAMESPACE_EXTERNAL_SIGN_IN": self.namespace_external_sign_in,
            "REDIS_NAMESPACE_PENDING_LINK": self.namespace_pending_link,
            "REDIS_NAMESPACE_HANDOVER": self.namespace_handover,
            "REDIS_NAMESPACE_AUTHORIZATION_CODE": self.namespace_authorization_code,
            "REDIS_NAMESPACE_ROLE": self.namespace_role,
            "REDIS_NAMESPACE_CLIENT": self.namespace_client,
            "REDIS_NAMESPACE_API_KEY": self.namespace_api_key,
            "REDIS_NAMESPACE_API_KEY_USE": self.namespace_api_key_use,
            "REDIS_NAMESPACE_ATTEMPTS": self.namespace_attempts,
            "REDIS_NAMESPACE_REVOCATION": self.namespace_revocation,
            "REDIS_NAMESPACE_PENDING_RECORD": self.namespace_pending_record,
        }

    def relation_problems(self) -> Iterable[SettingProblem]:
        """Yield a problem for each value that cannot be used."""
        if bool(self.sentinels) == (self.url is not None):
            yield SettingProblem("REDIS_SENTINELS", "set either REDIS_SENTINELS or REDIS_URL")
        if any(_address(item, _SENTINEL_PORT) is None for item in self.sentinels):
            yield SettingProblem("REDIS_SENTINELS", "must be host:port pairs, separated by commas")
        if self.url is not None and _node(self.url) is None:
            yield SettingProblem("REDIS_URL", "must be redis://host:port or rediss://host:port and nothing else")
        if self.url is not None and self.replicas_to_wait_for:
            yield SettingProblem("REDIS_WAIT_REPLICAS", "must be 0 with REDIS_URL: a single node has no replicas")
        if self.tls_skip_verify and not self.uses_tls:
            yield SettingProblem("REDIS_TLS_SKIP_VERIFY", "has no effect without REDIS_TLS")
        if self.ca is not None and not self.ca.is_file():
            yield SettingProblem("PASEPORT_REDIS_CA", "must name a file")
        for name, namespace in self.namespaces.items():
            if not namespace or not _NAMESPACE_CHARACTERS.issuperset(namespace):
                yield SettingProblem(name, "must be letters, digits and : _ - .")
        if len(set(self.namespaces.values())) != len(self.namespaces):
            yield SettingProblem("REDIS_NAMESPACE_*", "must differ from each other")

    @property
    def uses_tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.tls or (self.url is not None and self.url.reveal().startswith("rediss://"))

    @property
    def sentinel_addresses(self) -> tuple[tuple[str, int], ...]:
        """Host and port of each Sentinel."""
        return tuple(address for item in self.sentinels if (address := _address(item, _SENTINEL_PORT)))

    @property
    def node_address(self) -> tuple[str, int] | None:
        """Host and port of the single node."""
        return None if self.url is None else _node(self.url)


class OutboundVariables(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the service may ask besides public servers on port 443, and whose certificates it believes."""

    allow: Annotated[tuple[str, ...], Env("PASEPORT_OUTBOUND_ALLOW")] = ()
    """``host:port`` each, the host as it stands in the URLs. Nothing lifts https."""
    ca: Annotated[Path | None, Env("PASEPORT_OUTBOUND_CA")] = None
    """PEM file of authorities that count besides the system's."""

    def relation_problems(self) -> Iterable[SettingProblem]:
        """Yield a problem for each value that cannot be used."""
        if any(_target(item) is None for item in self.allow):
            yield SettingProblem(
                "PASEPORT_OUTBOUND_ALLOW", "must be host:port pairs such as idp.internal:8443, separated by commas"
            )
        if self.ca is not None and not _has_certificates(self.ca):
            yield SettingProblem("PASEPORT_OUTBOUND_CA", "must name a PEM file with certificates")

    @property
    def allowed_targets(self) -> tuple[OutboundTarget, ...]:
        """The targets for which the rules of port and address do not count."""
        return tuple(target for item in self.allow if (target := _target(item)))


def _target(text: str) -> OutboundTarget | None:
    try:
        return parse_target(text)
    except ValueError:
        return None


def _has_certificates(bundle: Path) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=bundle)
    except OSError:  # that of TLS is one too
        return False
    return True


def _node(url: Secret[str]) -> tuple[str, int] | None:
    """Return the address in a URL, None for one with anything else in it: credentials have variables of their own."""
    try:
        parts = urlsplit(url.reveal())
        if parts.scheme not in ("redis", "rediss") or parts.path not in ("", "/") or parts.query or parts.fragment:
            return None
    except ValueError:
        return None
    return _address(parts.netloc, _REDIS_PORT)


def _address(text: str, default_port: int) -> tuple[str, int] | None:
    try:
        parts = urlsplit(f"//{text}")
        port = parts.port or default_port
    except ValueError:
        return None
    if not parts.hostname or "@" in text or parts.path or parts.query or parts.fragment:
        return None
    return parts.hostname, port
