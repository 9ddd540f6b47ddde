"""What a proxy says of a request, read in one way only (FA-09, FA-11, FA-14, FA-15).

Whatever two parsers might read differently is refused instead of guessed: rules are about the path that the service
behind the proxy will see, and only a path with one reading has that property.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from paseport_shared.domain.errors import UnclearRequest
from paseport_shared.domain.models.host_pattern import is_host_name
from paseport_shared.domain.models.network import parse_address

_HTTP: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_WEBDAV: Final = frozenset(
    {"PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH", "MKCALENDAR"}
)
METHODS: Final = _HTTP | _WEBDAV
"""RFC 9110 but for CONNECT and TRACE, RFC 5789, and WebDAV with its relatives. Case counts."""
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "PROPFIND", "REPORT", "SEARCH"})
MAX_TARGET: Final = 8192

_PLAIN_PATH: Final = re.compile(r"(?:/[A-Za-z0-9_~!$&'()*+,=:@-](?:[A-Za-z0-9._~!$&'()*+,=:@-])*)*/?")
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_PORT: Final = re.compile(r"[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """A request in canonical form. ``host`` has no port; ``path`` is decoded; ``address`` is the client's, if known."""

    host: str
    path: str
    method: str
    address: str | None = None

    @property
    def is_safe(self) -> bool:
        """Whether the method promises to change nothing (RFC 9110 §9.2.1)."""
        return self.method in SAFE_METHODS


@lru_cache(maxsize=1024)
def canonical_host(value: str) -> str:
    """Return the name in a Host header in lower case, without its port. Raises ``UnclearRequest``.

    An address in brackets keeps them. A trailing dot is refused: the same host to a resolver, another one to a rule.
    """
    if not value.isascii():
        # Some letters become ASCII ones in lower case.
        raise UnclearRequest("the host is none")
    name, port = value.lower(), ""
    if name.startswith("["):
        end = name.find("]")
        name, port = name[: end + 1], name[end + 1 :]
        fits = end > 0 and parse_address(name[1:-1]) is not None
    else:
        name, colon, number = name.partition(":")
        port = colon + number
        fits = is_host_name(name)
    if not fits or (port and (port[0] != ":" or not _PORT.fullmatch(port[1:]) or int(port[1:]) > 65_535)):
        raise UnclearRequest("the host is none")
    return name


@lru_cache(maxsize=4096)
def canonical_path(target: str) -> str:
    """Return the path of a request target (RFC 9112 §3.2.1), decoded; the query is dropped. Raises ``UnclearRequest``.

    Refused is what services behind proxies read in several ways: dot segments, empty segments, backslashes, ``;``,
    ``#``, control characters, escapes of any of these and of ``/`` and ``%``, what looks like them once it is
    normalised, spaces that are not escaped or at the end of a segment, broken escapes, and what is no UTF-8.
    """
    if len(target) > MAX_TARGET:
        raise UnclearRequest("the request target is too long")
    path, _, query = target.partition("?")
    if "#" in query:
        raise UnclearRequest("the request target has a fragment")
    if path == "/" or (path and _PLAIN_PATH.fullmatch(path)):
        return path
    return _decoded(path)


def is_canonical_path(path: str) -> bool:
    """Say whether ``path`` is one that ``canonical_path`` can return: what a rule or a key may name."""
    return path.startswith("/") and _problem(path) is None


def canonical_method(value: str) -> str:
    """Return the method if it is a known one, as it is written. Raises ``UnclearRequest``."""
    if value not in METHODS:
        raise UnclearRequest("the method is unknown")
    return value


def is_below(path: str, prefix: str) -> bool:
    """Say whether a canonical path is ``prefix`` or lies below it, by whole segments."""
    return path == prefix or path.startswith(prefix if prefix[-1:] == "/" else f"{prefix}/")


def _decoded(path: str) -> str:
    # A space ends the target for whoever reads the request line.
    if not path.startswith("/") or not path.isascii() or " " in path:
        raise UnclearRequest("the request target is no path")
    if "%" in _ESCAPE.sub("", path):
        raise UnclearRequest("the path has a broken escape")
    raw = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), path)
    try:
        decoded = raw.encode("latin-1").decode("utf-8")
    except UnicodeError as error:
        raise UnclearRequest("the path is not UTF-8") from error
    if decoded.count("/") != path.count("/"):
        raise UnclearRequest("the path can be read in several ways")
    if (problem := _problem(decoded)) is not None:
        raise UnclearRequest(problem)
    return decoded


def _problem(path: str) -> str | None:
    """Return why a decoded path has more than one reading, or None where it has one."""
    problem = _problem_as_written(path)
    if problem is None and not path.isascii():
        # Some services normalise what they are sent, and there are other dots and slashes than those of ASCII.
        normalised = unicodedata.normalize("NFKC", path)
        if normalised.count("/") != path.count("/") or _problem_as_written(normalised) is not None:
            return "the path can be read in several ways"
    return problem


def _problem_as_written(path: str) -> str | None:
    if any(character in path for character in "\\;#?%"):
        return "the path can be read in several ways"
    if not path.isprintable():
        return "the path has control characters"
    *inner, last = path[1:].split("/")
    if any(segment in ("", ".", "..") for segment in inner) or last in (".", ".."):
        return "the path has empty or dot segments"
    if any(segment != segment.strip(" ") for segment in (*inner, last)):
        return "a segment of the path begins or ends with a space"
    return None
