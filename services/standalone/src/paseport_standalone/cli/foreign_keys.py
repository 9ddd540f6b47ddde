"""What other systems say of their API keys, in our words, or why it cannot be said."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from paseport_shared.domain.models.api_key_rules import (
    MAX_COMMENT,
    MAX_ENTRIES,
    MAX_LIFETIME,
    MAX_NAME,
    MAX_RATE,
    MAX_WINDOW,
)
from paseport_shared.domain.models.host_pattern import is_host_pattern
from paseport_shared.domain.models.legacy_token import is_legacy_digest
from paseport_shared.domain.models.profile import is_email

if TYPE_CHECKING:
    # With it comes the driver, for which every other command would wait.
    from paseport_shared.adapters.redis.foreign_records import ForeignRecord

System = Literal["fastapi", "rusty-valkey"]
PREFIXES: Final[Mapping[System, str]] = {"fastapi": "tokens:", "rusty-valkey": "auth:token:"}

_HOSTS: Final = ("hosts", "allowed_hosts", "host", "domains")
_NAME: Final = ("name", "label", "title")
_COMMENT: Final = ("comment", "description", "note")
_EMAIL: Final = ("email", "mail", "contact")
_LIMIT: Final = ("rate_limit", "ratelimit", "limit", "max_requests", "requests")
_WINDOW: Final = ("rate_limit_window", "rate_window", "window_seconds", "window", "period")
_EXPIRY: Final = ("expires_at", "expires", "exp")
_OFF: Final = ("disabled", "revoked", "blocked")
_ON: Final = ("enabled", "active")
_SUBJECT: Final = ("sub",)
_KNOWN_AND_DROPPED: Final = frozenset({"created_at", "created", "ttl"})
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_RATE: Final = re.compile(
    r"(?P<count>[0-9]{1,9})(?:\s*(?:/|per)\s*(?P<amount>[0-9]{1,9})?\s*"
    r"(?P<unit>s|sec|seconds?|m|min|minutes?|h|hours?|d|days?)?)?"
)
_SEPARATOR: Final = re.compile(r"[\s,;]+")
_SPARE: Final = timedelta(minutes=5)
"""Between the longest end that is set here and the longest that the issuer takes, whose clock may be behind."""


class CannotImport(Exception):
    """Why a key stays where it is. The message is a sentence for whoever runs the import, and shows no credential."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What whoever runs the import says of keys whose records do not.

    ``hosts`` is where a key works that names none; ``any_host`` lets it work everywhere. ``window`` is over how long a
    limit counts that does not say so.
    """

    hosts: tuple[str, ...] = ()
    any_host: bool = False
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    window: timedelta = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundKey:
    """A key that can be imported: the body that the issuer takes, and ``subject``, whose it was, if the record says so.

    ``unread`` are fields of the record that mean nothing here.
    """

    body: dict[str, Any]
    subject: str | None
    unread: tuple[str, ...]


def read_foreign_key(record: ForeignRecord, wishes: Wishes, now: datetime) -> FoundKey:
    """Return a key as the issuer takes it. Raises ``CannotImport``."""
    if not is_legacy_digest(record.name):
        raise CannotImport("Its name is no digest of 64 hexadecimal digits.")
    fields = _Fields(record.fields)
    if fields.flag(_OFF) is True or fields.flag(_ON) is False:
        raise CannotImport("It is disabled there.")
    comment = fields.text(_COMMENT)
    email = fields.text(_EMAIL).strip()
    if email and not is_email(email):
        comment, email = f"{comment}\n{email}".strip(), ""
    body: dict[str, Any] = {
        "digest": record.name,
        "name": _named(fields.text(_NAME) or comment or email, record.name),
        "comment": _lines(comment)[:MAX_COMMENT],
        "email": email or None,
        "hosts": _hosts(fields.text(_HOSTS), wishes),
        "roles": list(wishes.roles),
        "scopes": list(wishes.scopes),
        "rate_limit": _rate_limit(fields.text(_LIMIT), fields.text(_WINDOW), wishes.window),
        "expires_at": _end(record.expires_in, fields.text(_EXPIRY), now),
    }
    return FoundKey(body=body, subject=fields.text(_SUBJECT).strip() or None, unread=fields.unread())


class _Fields:
    """The fields of a record, whatever the case of their names, each read once."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._fields = {name.strip().lower().replace("-", "_"): value for name, value in fields.items()}
        self._read: set[str] = set()

    def text(self, names: Sequence[str]) -> str:
        """Return the first of these that says something."""
        self._read.update(names)
        return next((self._fields[name] for name in names if self._fields.get(name, "").strip()), "")

    def flag(self, names: Sequence[str]) -> bool | None:
        """Return what the first of these says; None where none is there. Raises ``CannotImport`` for anything else."""
        said = self.text(names).strip().lower()
        if not said:
            return None
        if said not in _TRUE | _FALSE:
            raise CannotImport(f"Whether it works there is unclear ({' or '.join(names)}).")
        return said in _TRUE

    def unread(self) -> tuple[str, ...]:
        """Return the names that nobody asked for."""
        return tuple(sorted(set(self._fields) - self._read - _KNOWN_AND_DROPPED))


def _named(text: str, digest: str) -> str:
    """Return a name of one line, of the digest where nothing is said: people see which record it was."""
    first = _lines(text).strip().split("\n")[0].strip()
    return first[:MAX_NAME].strip() or f"imported {digest[:12]}"


def _lines(text: str) -> str:
    """Return a text without control characters, but with its line ends."""
    return "".join(character for character in text if character.isprintable() or character == "\n")


def _hosts(text: str, wishes: Wishes) -> list[str]:
    """Return host patterns. Ports mean nothing here; a star alone is everywhere, as nothing is."""
    named = [_host(entry) for entry in _entries(text)]
    if not named:
        named = list(wishes.hosts)
        is_everywhere = not named
    else:
        is_everywhere = "*" in named
    if is_everywhere:
        if not wishes.any_host:
            raise CannotImport("It would work on every host: name --host, or allow that with --any-host.")
        return []
    if len(set(named)) > MAX_ENTRIES:
        raise CannotImport(f"It names more than {MAX_ENTRIES} hosts.")
    if not all(is_host_pattern(host) for host in named):
        raise CannotImport("One of its hosts is none.")
    return list(dict.fromkeys(named))


def _entries(text: str) -> list[str]:
    """Return the entries of a list as JSON writes it, or with commas or spaces between them."""
    stripped = text.strip()
    if stripped.startswith(("[", '"')):
        try:
            listed = json.loads(stripped)
        except (ValueError, RecursionError) as error:
            raise CannotImport("Its hosts are no list.") from error
        listed = [listed] if isinstance(listed, str) else listed
        if not isinstance(listed, list) or not all(isinstance(entry, str) for entry in listed):
            raise CannotImport("Its hosts are no list of texts.")
        return [entry for entry in listed if entry.strip()]
    return [entry for entry in _SEPARATOR.split(stripped) if entry]


def _host(entry: str) -> str:
    host = entry.strip().lower().removeprefix("https://").removeprefix("http://").rstrip("/")
    host = host.partition(":")[0]
    return f"*{host}" if host.startswith(".") else host


def _rate_limit(text: str, window: str, default: timedelta) -> dict[str, int] | None:
    """Return a limit; None where there is none. One that is unclear is none that could be kept."""
    stated = text.strip().lower()
    if not stated:
        return None
    seconds = int(default.total_seconds())
    if window.strip():
        seconds = _number(window)
    if stated.startswith("{"):
        count, seconds = _rate_object(stated, seconds)
    else:
        match = _RATE.fullmatch(stated)
        if match is None:
            raise CannotImport("Its rate limit is unclear.")
        count = int(match["count"])
        if match["amount"] or match["unit"]:
            seconds = int(match["amount"] or 1) * _SECONDS[(match["unit"] or "s")[0]]
    if count == 0:
        return None
    if not (1 <= count <= MAX_RATE and 1 <= seconds <= MAX_WINDOW.total_seconds()):
        raise CannotImport("Its rate limit is beyond what a key may have here.")
    return {"count": count, "window_seconds": seconds}


def _rate_object(text: str, seconds: int) -> tuple[int, int]:
    try:
        stated = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CannotImport("Its rate limit is unclear.") from error
    count = next((stated[name] for name in ("count", "limit", "max", *_LIMIT) if name in stated), None)
    window = next((stated[name] for name in ("seconds", "per", *_WINDOW) if name in stated), seconds)
    if any(isinstance(value, bool) or not isinstance(value, int) for value in (count, window)):
        raise CannotImport("Its rate limit is unclear.")
    return int(count or 0), int(window)


def _number(text: str) -> int:
    try:
        return int(text.strip())
    except ValueError as error:
        raise CannotImport("Its rate limit is unclear.") from error


def _end(expires_in: timedelta | None, stated: str, now: datetime) -> str | None:
    """Return when it ends, the earlier of its time to live and its own word; None where it never does."""
    ends = [] if expires_in is None else [now + min(expires_in, MAX_LIFETIME - _SPARE)]
    if stated.strip():
        ends.append(min(_moment(stated.strip()), now + MAX_LIFETIME - _SPARE))
    if not ends:
        return None
    if min(ends) <= now:
        raise CannotImport("It has ended there.")
    return min(ends).isoformat()


def _moment(text: str) -> datetime:
    try:
        number = float(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise CannotImport("When it ends is unclear.") from error
        # Whoever wrote no zone meant the server's clock, which is UTC in a container.
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        return datetime.fromtimestamp(number, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise CannotImport("When it ends is unclear.") from error
