"""Where a request to somebody else's server goes, read in one way only.

Every library that reads URLs has its own idea of ``//a@b\\@c``, ``0x7f.1`` and full-width digits. Whoever judges by one
reading and connects by another judges nothing, so what could be read in two ways is no URL here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

MAX_LENGTH: Final = 2_000
_HTTPS_PORT: Final = 443
_MAX_PORT: Final = 65_535
_MAX_HOST_LENGTH: Final = 253

# Neither white space, control characters, backslashes nor anything beyond ASCII.
_PLAIN: Final = re.compile(r"[!#-;=?-\[\]_a-z~]+")
_URL: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>/[^?#]*)?(?P<query>\?[^#]*)?(?P<fragment>#.*)?"
)
_AUTHORITY: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::(?P<port>[1-9][0-9]{0,4}))?")
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# What the system's resolver takes for a part of an IPv4 address: decimal, octal or hexadecimal.
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class OutboundTarget:
    """A host, in lower case and canonical (IPv6 without brackets), and a port."""

    host: str
    port: int

    @property
    def address(self) -> IPv4Address | IPv6Address | None:
        """The address that the host is, None for a name."""
        if ":" in self.host:
            return IPv6Address(self.host)
        return IPv4Address(self.host) if _looks_like_ipv4(self.host) else None

    @property
    def authority(self) -> str:
        """As it stands in a URL and in ``Host``: the port only where it is not 443."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _HTTPS_PORT else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class OutboundUrl:
    """An absolute URL without user, password and fragment. ``path`` has the query, and may hold what is secret."""

    scheme: str
    target: OutboundTarget
    path: str


def parse_url(url: str) -> OutboundUrl:
    """Read an absolute URL, whatever its scheme; without a port it has that of https.

    Raises ``ValueError`` with a sentence for any text that is not plain ASCII, and for a user, a fragment, an IPv4
    address in another spelling than its four decimal numbers, a host that is no name of DNS (RFC 1123 §2.1;
    internationalised names are written in their ``xn--`` form), a dot at its end, and a port that is none.
    """
    if len(url) > MAX_LENGTH or not _PLAIN.fullmatch(url):
        raise ValueError("must be an absolute URL in ASCII")
    match = _URL.fullmatch(url)
    if match is None:
        raise ValueError("must be an absolute URL")
    if "@" in match["authority"]:
        raise ValueError("must not name a user")
    if match["fragment"] is not None:
        raise ValueError("must not have a fragment")
    target = _parse_authority(match["authority"], default_port=_HTTPS_PORT)
    return OutboundUrl(match["scheme"].lower(), target, (match["path"] or "/") + (match["query"] or ""))


def parse_target(text: str) -> OutboundTarget:
    """Read ``host:port``, both as in a URL. Raises ``ValueError`` with a sentence."""
    return _parse_authority(text, default_port=None)


def _parse_authority(text: str, default_port: int | None) -> OutboundTarget:
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        raise ValueError("must name a host, and a port where there is a colon")
    port = int(match["port"]) if match["port"] else default_port
    if port is None or port > _MAX_PORT:
        raise ValueError(f"must name a port from 1 to {_MAX_PORT}")
    return OutboundTarget(_canonical_host(match["host"].lower()), port)


def _canonical_host(host: str) -> str:
    if host.startswith("["):
        try:
            return str(IPv6Address(host[1:-1]))
        except AddressValueError as error:
            raise ValueError("must have an IPv6 address in its brackets") from error
    if _looks_like_ipv4(host):
        try:
            return str(IPv4Address(host))
        except AddressValueError as error:
            raise ValueError("must write an IPv4 address as four decimal numbers") from error
    if len(host) > _MAX_HOST_LENGTH or not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise ValueError("must name a host of DNS")
    return host


def _looks_like_ipv4(host: str) -> bool:
    """Say whether a resolver might read a host as numbers: it ends in one, as no name does (WHATWG URL §3.5)."""
    return _NUMBER.fullmatch(host.removesuffix(".").rpartition(".")[2]) is not None
