"""What somebody may ask of an API key."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote

from paseport_shared.domain.errors import FieldProblem, UnclearRequest, ValidationFailed
from paseport_shared.domain.models.api_key import ApiKey
from paseport_shared.domain.models.host_pattern import is_host_pattern
from paseport_shared.domain.models.network import parse_network
from paseport_shared.domain.models.profile import is_email
from paseport_shared.domain.models.request_facts import METHODS, canonical_path
from paseport_shared.domain.models.roles import ADMIN, MAX_ROLES_PER_USER, is_role

MAX_NAME: Final = 64
MAX_COMMENT: Final = 500
MAX_ENTRIES: Final = 50
MAX_PATH: Final = 1_000
MAX_KEYS_PER_OWNER: Final = 100
DEFAULT_LIFETIME: Final = timedelta(days=90)
MAX_LIFETIME: Final = timedelta(days=3_653)
"""Ten years, however many of them are leap years."""
MAX_RATE: Final = 1_000_000
MAX_WINDOW: Final = timedelta(days=1)
OVERLAP: Final = timedelta(hours=24)
"""How long the secret before goes on where a rotation does not say."""
MAX_OVERLAP: Final = timedelta(hours=168)
NOT_FOR_KEYS: Final = frozenset({"admin", "account", "offline_access"})
"""Scopes that no key has: none of them manages people, accounts or keys, and none is ever refreshed."""

_SCOPE: Final = re.compile(r"[a-z][a-z0-9:._-]{0,63}")
_ASCII: Final = "".join(chr(code) for code in range(0x20, 0x7F))
_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class KeyAuthority:
    """What whoever asks may give to a key: of roles, what its owner holds now; the rest, if they administer."""

    owner_roles: frozenset[str]
    is_admin: bool


def is_sensitive(key: ApiKey) -> bool:
    """Say whether a key is one for which a sign-in of long ago is not enough (AD-14)."""
    return key.expires_at is None or ADMIN in key.roles


def canonical_hosts(texts: Iterable[str]) -> tuple[str, ...]:
    """Return host patterns in lower case, each once: case means nothing in them."""
    return _once(text.strip().lower() for text in texts)


def canonical_prefixes(texts: Iterable[str]) -> tuple[str, ...]:
    """Return path prefixes as requests are compared with them: decoded, each once. What is no path stays as it is."""
    return _once(_canonical_prefix(text) or text for text in texts)


def canonical_networks(texts: Iterable[str]) -> tuple[str, ...]:
    """Return networks in their one spelling, each once. What is no network stays as it is."""
    return _once(str(parse_network(text.strip()) or text) for text in texts)


def check_api_key(key: ApiKey, authority: KeyAuthority, now: datetime, changed: Collection[str]) -> None:
    """Raise ``ValidationFailed`` naming everything that is not acceptable of the fields that ``changed``.

    What stays is not asked again: a key goes on though its owner lost a role, which then counts for nothing. No message
    repeats what was sent: it would stand in answers and logs (LG-21).
    """
    problems = [problem for field, found in _problems(key, authority, now) if field in changed for problem in found]
    if problems:
        raise ValidationFailed(problems)


def _problems(key: ApiKey, authority: KeyAuthority, now: datetime) -> Iterator[tuple[str, Iterator[FieldProblem]]]:
    """Yield the field of the domain, and what is wrong with it under the name that it has on the wire."""
    yield "name", _name(key.name)
    yield "comment", _comment(key.comment)
    yield "email", _email(key.email)
    yield "roles", _roles(key.roles, authority)
    yield "scopes", _scopes(key.scopes)
    yield "hosts", _hosts(key.hosts)
    yield "paths", _paths(key.paths)
    yield "methods", _methods(key.methods)
    yield "networks", _networks(key.networks)
    yield "rate_limit", _rate_limit(key)
    yield "expires_at", _expiry(key.expires_at, authority, now)


def _name(name: str) -> Iterator[FieldProblem]:
    if not name.strip() or len(name) > MAX_NAME:
        yield FieldProblem("name", "length", f"Use 1 to {MAX_NAME} characters.")
    if any(unicodedata.category(character)[0] == "C" for character in name):
        yield FieldProblem("name", "characters", "Leave out control characters.")


def _comment(comment: str) -> Iterator[FieldProblem]:
    if len(comment) > MAX_COMMENT:
        yield FieldProblem("comment", "length", f"Use at most {MAX_COMMENT} characters.")
    if any(unicodedata.category(character)[0] == "C" and character != "\n" for character in comment):
        yield FieldProblem("comment", "characters", "Leave out control characters, line ends excepted.")


def _email(email: str | None) -> Iterator[FieldProblem]:
    if email is not None and not is_email(email):
        yield FieldProblem("email", "format", "Use an address of the form name@example.com, or leave it out.")


def _roles(roles: frozenset[str], authority: KeyAuthority) -> Iterator[FieldProblem]:
    if len(roles) > MAX_ROLES_PER_USER:
        yield FieldProblem("roles", "too_many", f"Use at most {MAX_ROLES_PER_USER} roles.")
    if not all(is_role(role) for role in roles):
        yield FieldProblem(
            "roles",
            "format",
            "A role starts with a letter and has up to 64 letters, digits, dots, dashes, underscores.",
        )
    elif not roles <= authority.owner_roles:
        yield FieldProblem("roles", "not_held", "A key has no role that its owner does not hold.")
    elif ADMIN in roles and not authority.is_admin:
        yield FieldProblem("roles", "admin_only", "The sign-in does not cover administration, so the key cannot.")


def _scopes(scopes: tuple[str, ...]) -> Iterator[FieldProblem]:
    yield from _too_many("scopes", scopes)
    if not all(_SCOPE.fullmatch(scope) for scope in scopes):
        yield FieldProblem(
            "scopes", "format", "A scope is a lower-case letter and up to 63 of a-z, 0-9, colon, dot, dash, underscore."
        )
    if not NOT_FOR_KEYS.isdisjoint(scopes):
        yield FieldProblem("scopes", "reserved", "admin, account and offline_access are not for keys.")


def _hosts(hosts: tuple[str, ...]) -> Iterator[FieldProblem]:
    yield from _too_many("hosts", hosts)
    for number, host in enumerate(hosts, start=1):
        if not is_host_pattern(host):
            yield FieldProblem(
                "hosts", "format", f"Number {number} must be a host name without port, or *. and two labels or more."
            )


def _paths(paths: tuple[str, ...]) -> Iterator[FieldProblem]:
    yield from _too_many("paths", paths)
    for number, path in enumerate(paths, start=1):
        if "*" in path:
            # It would be compared as it stands, and the key would work nowhere.
            yield FieldProblem("paths", "wildcard", f"Number {number} needs no star: what is below it is meant too.")
        elif len(path) > MAX_PATH or _canonical_prefix(path) is None:
            yield FieldProblem("paths", "format", f"Number {number} must be a plain path such as /reports.")


def _methods(methods: frozenset[str]) -> Iterator[FieldProblem]:
    yield from _too_many("methods", methods)
    if not methods <= METHODS:
        yield FieldProblem("methods", "unknown", "Use methods such as GET and POST, in capitals.")


def _networks(networks: tuple[str, ...]) -> Iterator[FieldProblem]:
    yield from _too_many("cidrs", networks)
    for number, text in enumerate(networks, start=1):
        network = parse_network(text)
        if network is None:
            yield FieldProblem("cidrs", "format", f"Number {number} must be a network such as 10.0.0.0/8.")
        elif network.version == 6 and network.network_address.ipv4_mapped is not None:
            # Such an address is read as the IPv4 one that it is, so nothing would ever be in it.
            yield FieldProblem("cidrs", "mapped", f"Number {number} must be written as an IPv4 network.")


def _rate_limit(key: ApiKey) -> Iterator[FieldProblem]:
    limit = key.rate_limit
    if limit is None:
        return
    if not 1 <= limit.count <= MAX_RATE:
        yield FieldProblem("rate_limit.count", "range", f"Use 1 to {MAX_RATE} requests.")
    if not _SECOND <= limit.window <= MAX_WINDOW or limit.window % _SECOND:
        yield FieldProblem("rate_limit.window_seconds", "range", f"Use 1 to {MAX_WINDOW // _SECOND} whole seconds.")


def _expiry(expires_at: datetime | None, authority: KeyAuthority, now: datetime) -> Iterator[FieldProblem]:
    if expires_at is None:
        if not authority.is_admin:
            yield FieldProblem("never_expires", "admin_only", "Only an administrator makes a key that never expires.")
    elif not now < expires_at <= now + MAX_LIFETIME:
        yield FieldProblem("expires_at", "range", "Use a moment in the future, within ten years.")


def _too_many(field: str, entries: Collection[str]) -> Iterator[FieldProblem]:
    if len(entries) > MAX_ENTRIES:
        yield FieldProblem(field, "too_many", f"Use at most {MAX_ENTRIES}.")


def _canonical_prefix(text: str) -> str | None:
    try:
        # What was read from a key may be written back: characters that are decoded already are escaped once more.
        return None if "?" in text else canonical_path(quote(text, safe=_ASCII))
    except (UnclearRequest, UnicodeError):
        return None


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
