"""Says what is wrong with what arrived at a service behind a proxy, by a reading of its own: no code of ours is asked.

Where services read a path in several ways, each of these ways has to be allowed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import unquote_to_bytes

from paseport_testkit.harness.echo import Arrival
from proxy_corpus import APP, FORGED_ADDRESS, IDENTITY, OPEN, OVERRIDES, Caller

_IDENTITY: Final = {name.lower() for name in IDENTITY}
_OVERRIDES: Final = {name.lower() for name in OVERRIDES}
_ORIGIN: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^/?#]*")
_READ: Final = ("GET", "HEAD")


def faults(
    arrival: Arrival, service_host: str, caller: Caller, identity: dict[str, str], secrets: tuple[str, ...]
) -> Iterator[str]:
    """Yield every fault. ``identity`` are the values that the caller's headers have; names that it lacks are empty."""
    hosts = [_host(value) for value in arrival.values("host")]
    if hosts != [service_host]:
        yield f"the host is {hosts} at {service_host}"
    for host in {service_host, *hosts}:
        if not _may(caller, host, arrival.method, arrival.target):
            yield f"{caller.value} reached {arrival.method} {arrival.target} of {host}"
    seen: set[str] = set()
    for name, value in arrival.headers:
        meant = re.sub(r"[^a-z0-9]", "-", name.strip().lower())
        if meant in _IDENTITY:
            if name.lower() != meant:
                yield f"an alias arrived: {name!r}"
            if meant in seen or (value != identity.get(meant, "") and value):
                yield f"{name} is {value!r}"
            seen.add(meant)
        if meant in _OVERRIDES:
            yield f"{name} arrived: {value!r}"
        if any(end in name + value for end in "\r\n\x00"):
            yield f"{name!r} has more than one line: {value!r}"
        if meant == "x-forwarded-for" and value.rpartition(",")[2].strip() == FORGED_ADDRESS:
            yield f"{name} names the client's invention: {value!r}"
        if meant == "x-forwarded-host" and _host(value) not in hosts:
            yield f"{name} is {value!r}"
        if any(secret in value for secret in secrets) or (meant == "cookie" and "paseport-" in value):
            yield f"{name} has a credential"
    if identity.get("x-user") and "x-user" not in seen:
        yield "the caller's name got lost"


def readings(target: str) -> frozenset[str]:
    """Return every path that some service takes a request target for."""
    start = _ORIGIN.sub("", target, count=1) if _ORIGIN.match(target) else target
    # Where the query begins, all agree on.
    found, waiting = set[str](), [start.partition("?")[0]]
    while waiting:
        path = waiting.pop()
        if path not in found and len(found) < 500:
            found.add(path)
            waiting += [read(path) for read in _READERS]
    return frozenset(found)


def _may(caller: Caller, host: str, method: str, target: str) -> bool:
    if host == OPEN:
        return True
    if host != APP:
        return False
    if caller is Caller.ADMIN:
        return True
    if method not in _READ:
        return False
    paths = readings(target)
    if caller is Caller.USER:
        return not any(_is_below(path, "/admin") for path in paths)
    # Of one path only what nothing is left to decode in: every service decodes at least once.
    return all(_is_below(path, "/public") for path in paths if _decoded(path) == path)


def _is_below(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(f"{prefix}/")


def _host(value: str) -> str:
    return re.sub(r"\.?(:[0-9]*)?$", "", value.strip().lower(), count=1)


def _decoded(path: str) -> str:
    return unquote_to_bytes(path.encode("latin-1", "replace")).decode("latin-1")


def _without_dots(path: str) -> str:
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if len(kept) > 1:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
    joined = "/".join(kept)
    return joined if joined.startswith("/") or not path.startswith("/") else f"/{joined}"


_READERS: Final[tuple[Callable[[str], str], ...]] = (
    _decoded,
    _without_dots,
    lambda path: path.partition("?")[0],
    lambda path: path.partition("#")[0],
    lambda path: path.partition("\x00")[0],
    lambda path: path.replace("\\", "/"),
    lambda path: re.sub("/{2,}", "/", path),
    lambda path: re.sub(";[^/]*", "", path),
    lambda path: re.sub("%u00([0-9a-fA-F]{2})", r"%\1", path),
    # Overlong UTF-8, as old decoders read it.
    lambda path: path.replace("\xc0\xae", ".").replace("\xc0\xaf", "/"),
)
