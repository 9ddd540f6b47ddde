"""Settings from the environment: read once, checked whole, all problems reported together (design §6).

A service declares a frozen msgspec Struct whose fields name their variable with ``Env``::

    class Settings(msgspec.Struct, frozen=True, kw_only=True):
        service_secret: Annotated[Secret[str], Env("PASEPORT_SERVICE_SECRET")]
        access_token_ttl: Annotated[timedelta, Env("ACCESS_TOKEN_TTL", 30, 3600)] = timedelta(seconds=300)

        def relation_problems(self) -> Iterable[SettingProblem]: ...

Every variable may also come from a file that ``<NAME>_FILE`` names. msgspec's own conversion stops at its first
problem, so the variables are converted one by one. Checking changes nothing and opens no socket; no message shows a
value.
"""

from __future__ import annotations

import os
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Protocol, TypeVar, Union, get_args, get_origin, get_type_hints
from urllib.parse import SplitResult, urlsplit

import msgspec
from paseport.secret import Secret

MIN_SECRET_BYTES: Final = 32
_MAX_FILE_BYTES: Final = 64 * 1024
_MAX_DIGITS: Final = 12
_MIN_DIFFERENT_BYTES: Final = 8
_HINT: Final = "`openssl rand -base64 48` makes one"
_PLACEHOLDERS: Final = ("changeme", "change-me", "change_me", "password", "secret", "example", "placeholder")
_TRUE: Final = frozenset({"true", "1", "yes", "on"})
_FALSE: Final = frozenset({"false", "0", "no", "off"})
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Env:
    """The variable of a field, and the bounds of its value: seconds for durations, bytes for secrets.

    A secret without a minimum has one of 32 bytes, for keys that we use ourselves. Give a credential that another
    system chose (``REDIS_PASSWORD``) a minimum of 1: then only the well-known placeholders are refused.
    """

    name: str
    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True, slots=True)
class SettingProblem:
    """What is wrong with a variable and what was expected; never its value."""

    name: str
    message: str

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"


class SettingsProblems(Exception):
    """Everything that is wrong with the settings, one line each."""

    def __init__(self, problems: Iterable[SettingProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Checked(Protocol):
    """Settings that also know which relations between values must hold."""

    def relation_problems(self) -> Iterable[SettingProblem]:
        """Yield a problem for each relation that does not hold."""
        ...


_Settings = TypeVar("_Settings", bound=msgspec.Struct)


def load_settings(kind: type[_Settings], environ: Mapping[str, str] | None = None, **given: object) -> _Settings:
    """Return the settings. ``given`` fields are decided by the caller and not read; the environment is ``os.environ``.

    A field without ``Env`` is given, has a default, or is a group of settings with a Struct of its own. An empty
    variable counts as unset. Relations are checked once every variable is usable. Raises ``SettingsProblems``, which
    names every variable that is missing, unreadable or out of bounds; ``TypeError`` for a Struct that gives a secret a
    default other than None.
    """
    environ = os.environ if environ is None else environ
    hints = get_type_hints(kind, include_extras=True)
    values = dict(given)
    problems: list[SettingProblem] = []
    for field in msgspec.structs.fields(kind):
        env = _env_of(hints[field.name])
        if field.name in given:
            continue
        if env is None:
            group = _plain_type(hints[field.name])
            if isinstance(group, type) and issubclass(group, msgspec.Struct):
                try:
                    values[field.name] = load_settings(group, environ)
                except SettingsProblems as error:
                    problems += error.problems
            continue
        if isinstance(field.default, Secret):
            message = f"{kind.__name__}.{field.name} is a secret and has a default"
            raise TypeError(message)
        try:
            text = _read(env.name, environ)
            if text is not None:
                values[field.name] = _convert(text, _plain_type(hints[field.name]), env)
            elif field.required:
                raise ValueError("is required and has no default")
        except ValueError as error:
            problems.append(SettingProblem(env.name, f"{error} (set {env.name} or {env.name}_FILE)"))
    if problems:
        raise SettingsProblems(problems)
    settings = kind(**values)
    relation_problems: Callable[[], Iterable[SettingProblem]] | None = getattr(settings, "relation_problems", None)
    problems = list(relation_problems()) if relation_problems is not None else []
    if problems:
        raise SettingsProblems(problems)
    return settings


def variables(kind: type[msgspec.Struct]) -> dict[str, Env]:
    """Return the variable of each field that has one, those of groups included: to check documentation."""
    found: dict[str, Env] = {}
    for name, hint in get_type_hints(kind, include_extras=True).items():
        env, group = _env_of(hint), _plain_type(hint)
        if env is not None:
            found[name] = env
        elif isinstance(group, type) and issubclass(group, msgspec.Struct):
            found |= variables(group)
    return found


# --- reading ------------------------------------------------------------------------------------------------------


def _env_of(hint: Any) -> Env | None:
    return next((item for item in getattr(hint, "__metadata__", ()) if isinstance(item, Env)), None)


def _read(name: str, environ: Mapping[str, str]) -> str | None:
    """Return the value, None where unset. Compose files write empty variables for unset ones."""
    direct, path = environ.get(name) or None, environ.get(f"{name}_FILE") or None
    if direct is not None and path is not None:
        raise ValueError("is set twice, directly and as a file")
    text = _read_file(path) if path is not None else direct
    try:
        # Python carries bytes of the environment that are not UTF-8 as lone surrogates, which cannot be encoded again.
        (text or "").encode()
    except UnicodeEncodeError as error:
        raise ValueError("is not UTF-8 text") from error
    return text


def _read_file(path: str) -> str | None:
    """Return the content without its one line end. The path is not shown: it may be a secret in the wrong variable."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(_MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise ValueError(f"its file cannot be read ({type(error).__name__})") from error
    if len(content) > _MAX_FILE_BYTES:
        raise ValueError(f"its file is larger than {_MAX_FILE_BYTES} bytes")
    try:
        return content.decode().removesuffix("\n").removesuffix("\r") or None
    except UnicodeDecodeError as error:
        raise ValueError("its file is not UTF-8 text") from error


# --- converting ---------------------------------------------------------------------------------------------------


def _plain_type(hint: Any) -> Any:
    """Return the type without ``Annotated`` and without ``| None``."""
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    if get_origin(hint) in (Union, types.UnionType):
        return next(item for item in get_args(hint) if item is not type(None))
    return hint


def _convert(text: str, kind: Any, env: Env) -> Any:
    origin = get_origin(kind)
    if origin is Secret:
        _check_secret(text, env)
        return Secret(text.encode()) if get_args(kind) == (bytes,) else Secret(text)
    if origin is tuple:
        return tuple(part for part in (item.strip() for item in text.split(",")) if part)
    if origin is Literal:
        return _choice(text.strip(), get_args(kind))
    if kind is bool:
        return _boolean(text.strip().lower())
    if kind is int:
        return _integer(text.strip(), env, "a whole number")
    if kind is timedelta:
        return timedelta(seconds=_integer(text.strip(), env, "a whole number of seconds"))
    if kind is Path:
        return Path(text)
    if kind is str:
        return text
    message = f"{env.name}: settings of type {kind} cannot be read"
    raise TypeError(message)


def _choice(text: str, choices: tuple[str, ...]) -> str:
    """Return the choice, whatever the case it was written in."""
    for choice in choices:
        if text.casefold() == choice.casefold():
            return choice
    raise ValueError(f"must be one of {', '.join(choices)}")


def _boolean(text: str) -> bool:
    if text not in _TRUE | _FALSE:
        raise ValueError("must be true or false")
    return text in _TRUE


def _integer(text: str, env: Env, what: str) -> int:
    low, high = env.minimum, env.maximum
    bounds = f" from {low}" if low is not None else ""
    bounds += f" to {high}" if high is not None else ""
    if not text.isascii() or not text.isdigit() or len(text) > _MAX_DIGITS:
        raise ValueError(f"must be {what}{bounds}")
    value = int(text)
    if (low is not None and value < low) or (high is not None and value > high):
        raise ValueError(f"must be {what}{bounds}")
    return value


def secret_problem(text: str) -> str | None:
    """Return what keeps ``text`` from being a secret of ours where it is not a variable of its own, or None."""
    try:
        _check_secret(text, Env(""))
    except ValueError as error:
        return str(error)
    return None


def _check_secret(text: str, env: Env) -> None:
    minimum = MIN_SECRET_BYTES if env.minimum is None else env.minimum
    value = text.encode()
    if len(value) < minimum:
        raise ValueError(f"must have at least {minimum} bytes; {_HINT}")
    if env.maximum is not None and len(value) > env.maximum:
        raise ValueError(f"must have at most {env.maximum} bytes")
    lowered = text.strip().lower()
    is_placeholder = lowered in _PLACEHOLDERS
    if minimum >= MIN_SECRET_BYTES:
        # Random bytes do not spell words, and 32 of them are not one character repeated.
        is_placeholder = any(word in lowered for word in _PLACEHOLDERS) or len(set(value)) < _MIN_DIFFERENT_BYTES
    if is_placeholder:
        raise ValueError(f"looks like a placeholder, not like a secret; {_HINT}")


# --- what every service that browsers reach is told ---------------------------------------------------------------


class WebSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the installation lives and whom it believes; issuer and api share one origin behind the edge."""

    access_token_issuer: Annotated[str, Env("ACCESS_TOKEN_ISSUER")]
    cors_origins: Annotated[tuple[str, ...], Env("CORS_ORIGINS")] = ()
    allowed_hosts: Annotated[tuple[str, ...], Env("PASEPORT_ALLOWED_HOSTS")] = ()
    """Besides the host of the issuer itself."""
    trusted_proxies: Annotated[tuple[str, ...], Env("PASEPORT_TRUSTED_PROXIES")] = ()

    @property
    def origin(self) -> str:
        """Scheme, host and port of the issuer: where the app lives."""
        parts = urlsplit(self.access_token_issuer)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def hosts(self) -> tuple[str, ...]:
        """Values of the Host header that are served."""
        return (urlsplit(self.access_token_issuer).netloc, *self.allowed_hosts)

    @property
    def is_https(self) -> bool:
        """Whether browsers reach the service over https."""
        return self.access_token_issuer.startswith("https://")

    def web_problems(self, *, allow_loopback_http: bool) -> Iterable[SettingProblem]:
        """Yield a problem for each value that cannot be used. Plain http is for the embedded mode, on loopback."""
        yield from issuer_problems(
            "ACCESS_TOKEN_ISSUER", self.access_token_issuer, allow_loopback_http=allow_loopback_http
        )
        yield from origin_problems("CORS_ORIGINS", self.cors_origins, allow_loopback_http=allow_loopback_http)
        yield from host_problems("PASEPORT_ALLOWED_HOSTS", self.allowed_hosts)
        yield from network_problems("PASEPORT_TRUSTED_PROXIES", self.trusted_proxies)


# --- relations that several services check ------------------------------------------------------------------------


def issuer_problems(name: str, issuer: str, *, allow_loopback_http: bool = False) -> Iterable[SettingProblem]:
    """Yield what keeps ``issuer`` from being an issuer identifier: https, a host, at most a path (OIDC Discovery §3).

    It is compared byte for byte by everybody, so there is one spelling: no trailing slash, no capitals in the host.
    """
    parts = _split(issuer)
    if parts is None or not parts.hostname or parts.netloc != parts.netloc.lower() or issuer.endswith("/"):
        yield SettingProblem(name, "must be a URL such as https://auth.example.com, without trailing slash")
        return
    if parts.scheme != "https" and not (allow_loopback_http and _is_loopback_http(parts)):
        yield SettingProblem(name, "must be an https URL")
    if any(character in issuer for character in "?#@") or not issuer.isascii() or not issuer.isprintable():
        yield SettingProblem(name, "must have no query, no fragment, no credentials and no special characters")


def origin_problems(
    name: str, origins: Iterable[str], *, allow_loopback_http: bool = False
) -> Iterable[SettingProblem]:
    """Yield a problem for texts that a browser would not send as ``Origin`` (RFC 6454 §6.2), or over plain http."""
    for origin in origins:
        parts = _split(origin)
        if parts is None or not _is_origin(origin, parts, allow_loopback_http=allow_loopback_http):
            yield SettingProblem(name, "must be https origins such as https://app.example.com, separated by commas")
            return


def _is_origin(text: str, parts: SplitResult, *, allow_loopback_http: bool) -> bool:
    is_safe = parts.scheme == "https" or (allow_loopback_http and _is_loopback_http(parts))
    is_default_port = (parts.scheme, parts.port) in (("https", 443), ("http", 80))
    is_spelled_right = text == f"{parts.scheme}://{parts.netloc}".lower() and not is_default_port
    return is_safe and is_spelled_right and bool(parts.hostname) and "@" not in text and "*" not in text


def host_problems(name: str, hosts: Iterable[str]) -> Iterable[SettingProblem]:
    """Yield a problem for every text that is no value of a Host header; a scheme in front is the usual mistake."""
    for host in hosts:
        parts = _split(f"//{host}")
        if parts is None or not parts.hostname or parts.netloc != host or "@" in host or "*" in host:
            yield SettingProblem(name, "must be host names such as auth.example.com:8443, separated by commas")
            return


def network_problems(name: str, networks: Iterable[str]) -> Iterable[SettingProblem]:
    """Yield a problem for every text that is no network in CIDR notation."""
    for network in networks:
        try:
            ip_network(network)
        except ValueError:
            yield SettingProblem(name, "must be networks such as 10.0.0.0/8, separated by commas")
            return


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        # Reading the port is what checks it.
        return parts if parts.port is None or parts.port > 0 else None
    except ValueError:
        return None


def _is_loopback_http(parts: SplitResult) -> bool:
    return parts.scheme == "http" and parts.hostname in _LOOPBACK
