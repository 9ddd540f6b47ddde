"""Where a browser may be sent back to (RFC 6749 §3.1.2, RFC 8252 §7, RFC 9700 §4.1)."""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from paseport_shared.domain.models.client import ApplicationType, Client

MAX_LENGTH: Final = 2_000
_LOOPBACK: Final = ("127.0.0.1", "[::1]")
# Neither white space, control characters, backslashes nor anything beyond ASCII: what browsers read differently.
_PLAIN: Final = re.compile(r"[!#-;=?-\[\]_a-z~]+")
_PRIVATE_SCHEME: Final = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+")
_PORT: Final = re.compile(r"(:[0-9]{1,5})?")


def registration_problem(uri: str, application_type: ApplicationType) -> str | None:
    """Return what is wrong with a redirect URI that somebody wants to register, as a sentence, or None.

    https for everybody; for native applications also http on 127.0.0.1 or [::1], where any port fits later (RFC 8252
    §7.3), http on localhost, where only the same port does, and a private-use scheme with a dot in it (§7.1).
    """
    if len(uri) > MAX_LENGTH or not _PLAIN.fullmatch(uri):
        return "must be an absolute URI in ASCII"
    parts = _split(uri)
    if parts is None or not parts.scheme:
        return "must be an absolute URI"
    if "#" in uri:
        return "must not have a fragment"
    if "*" in uri:
        return "must not have a wildcard"
    if "@" in parts.netloc:
        return "must not name a user"
    if parts.scheme == "https":
        return None if parts.hostname else "must name a host"
    is_native = application_type is ApplicationType.NATIVE
    if parts.scheme == "http":
        if is_native and parts.hostname in ("127.0.0.1", "::1", "localhost"):
            return None
        return "must be https" if not is_native else "must be https, or http on 127.0.0.1, [::1] or localhost"
    if is_native and _PRIVATE_SCHEME.fullmatch(parts.scheme) and not parts.netloc:
        return None
    if not is_native:
        return "must be https"
    return "must have a scheme with a dot in it, such as com.example.app:/callback"


def find_registered(client: Client, uri: str) -> str | None:
    """Return the registered URI that ``uri`` is, or None: compared character by character (AZ-02).

    Of native clients, http on 127.0.0.1 or [::1] is compared without the port (AZ-04, RFC 8252 §7.3).
    """
    if uri in client.redirect_uris:
        return uri
    if client.application_type is not ApplicationType.NATIVE:
        return None
    bare = _without_loopback_port(uri)
    if bare is None:
        return None
    return next((known for known in client.redirect_uris if _without_loopback_port(known) == bare), None)


def is_loopback_address(host: str) -> bool:
    """Say whether a host is an address of this machine, and not a name for one."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _without_loopback_port(uri: str) -> tuple[str, str] | None:
    """Return host and what follows the port of an http URI on loopback, or None for any other text."""
    for host in _LOOPBACK:
        prefix = f"http://{host}"
        if uri.startswith(prefix):
            rest = uri[len(prefix) :]
            port = _PORT.match(rest)
            after = rest[port.end() :] if port else rest
            return (host, after) if after[:1] in ("", "/", "?") else None
    return None


def _split(uri: str) -> SplitResult | None:
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        return None
    return parts
