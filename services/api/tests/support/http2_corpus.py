"""The same attempts in HTTP/2, and those that only its fields allow: most proxies speak HTTP/1 to the service behind.

What stands in a request line there is in fields of its own here, and nothing keeps a line end out of a field but the
proxy (RFC 9113 §8.2.1, §8.3.1).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from proxy_corpus import APP, FORGED, IDENTITY, MARKER, OPEN, Caller, Draft, any_version, shuffled
from raw_http2 import Fields

_SMUGGLED: Final = f"GET /admin/panel HTTP/1.1\r\nHost: {APP}\r\nX-User: {FORGED}\r\n\r\n"
_REFUSED: Final = ((Caller.USER, "/admin/panel"), (Caller.NOBODY, "/reports/1"))
"""Who may not go where."""


@dataclass(frozen=True, slots=True)
class Http2Trial:
    """One request. ``is_ordinary``: nothing is wrong with it and the caller may send it, so it has to arrive."""

    number: int
    caller: Caller
    fields: Fields
    body: bytes = b""
    is_ordinary: bool = False


Pairs = tuple[tuple[str, str], ...]


def http2_corpus(credentials: dict[Caller, tuple[str, str]], *, seed: int = 9, size: int = 2400) -> list[Http2Trial]:
    """Return at least ``size`` trials. ``credentials`` are headers, one for each caller that has any."""
    own = [
        (caller, pairs, body)
        for caller, target in _REFUSED
        for pairs, body in itertools.chain(zip(_own(target), itertools.repeat(b"")), _with_two_ends(target))
    ]
    trials = [
        Http2Trial(number, caller, _fields(pairs, number, caller, credentials), body)
        for number, (caller, pairs, body) in enumerate(own)
    ]
    drafts = shuffled([*any_version()], seed=seed, size=size - len(trials))
    for number, draft in enumerate(drafts, start=len(trials)):
        fields = _fields(_pairs(draft), number, draft.caller, credentials)
        trials.append(Http2Trial(number, draft.caller, fields, draft.body, draft.is_ordinary))
    return trials


def _fields(pairs: Pairs, number: int, caller: Caller, credentials: dict[Caller, tuple[str, str]]) -> Fields:
    own = [credentials[caller]] if caller in credentials else []
    # Where a name with a colon comes late, it is meant to.
    first = [pair for pair in pairs if pair[0].startswith(":")][: _leading(pairs)]
    rest = pairs[len(first) :]
    named = [*first, (MARKER.lower(), str(number)), *((name.lower(), value) for name, value in own), *rest]
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in named]


def _leading(pairs: Pairs) -> int:
    return len([*itertools.takewhile(lambda pair: pair[0].startswith(":"), pairs)])


def _pairs(draft: Draft) -> Pairs:
    """Return a draft's fields. An upper-case name is no name here, so that each would be refused for it."""
    authority = () if draft.host is None else ((":authority", draft.host),)
    headers = [(name.lower(), value) for name, value in draft.headers]
    if draft.body:
        headers.append(("content-length", str(len(draft.body))))
    return (
        *((":method", draft.method), (":scheme", "https"), *authority, (":path", draft.target)),
        *headers,
    )


def _own(target: str) -> Iterator[Pairs]:
    """Yield what no request line can say."""
    method, scheme, path = (":method", "GET"), (":scheme", "https"), (":path", target)
    for host, other in itertools.product((APP, OPEN, "", f"{OPEN}:443", f"{APP}, {OPEN}"), repeat=2):
        yield (method, scheme, (":authority", host), path, ("host", other))
        yield (method, scheme, (":authority", host), (":authority", other), path)
        yield (method, scheme, path, ("host", host), ("host", other))
        yield (method, scheme, (":authority", host), path, ("x-a", "1"), (":authority", other))
    known = (method, scheme, (":authority", APP), path)
    open_ = (method, scheme, (":authority", OPEN), path)
    for other in ("/public/page", "/admin/panel", "", "*"):
        yield (*known, (":path", other))
        yield (*known, ("x-a", "1"), (":path", other))
        yield (*known[:3], (":path", other), (":path", target))
    for name, value in ((":method", "POST"), (":scheme", "http"), (":status", "200"), (":x-user", FORGED)):
        yield (*known, (name, value))
        yield (*known, ("x-a", "1"), (name, value))
    for missing in range(4):
        yield known[:missing] + known[missing + 1 :]
        yield open_[:missing] + open_[missing + 1 :]
    for protocol in ("websocket", "h2c", "connect-udp", ""):
        connect = ((":method", "CONNECT"), (":protocol", protocol), *known[1:])
        yield connect
        yield (*connect, ("origin", f"https://{OPEN}"))
    for scheme_name in ("http", "ftp", "HTTPS", "", "https://open.example.com", "h t", f"http\r\nX-User: {FORGED}"):
        yield (method, (":scheme", scheme_name), *known[2:])
    for end in ("\r\n", "\n", "\r", "\x00", "\x0b", "\x0c", "\x85", "\u00a0"):
        yield from _with_line_ends(target, end)
    for name in IDENTITY:
        lower = name.lower()
        yield (*known, (name, FORGED))
        yield (*known, (lower, FORGED), (lower, FORGED))
        yield (*known, (f":{lower}", FORGED))
        yield (*known, (f"{lower}:", FORGED))
        yield (*known, ("connection", lower), (lower, FORGED))
        yield (*known, ("te", f"trailers, {lower}"))
    for hop in ("connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer"):
        for value in ("close", "chunked", "x-user", "websocket", "gzip", "trailers"):
            yield (*known, (hop, value))
    for length in ("5", "0", "-1", "+0", "0, 5", "x", "00"):
        yield (*known, ("content-length", length))
    # Cookies may come in crumbs (§8.2.3): together they are a credential and something else.
    edge = f"__Host-paseport-edge={FORGED}"
    yield (*known, ("cookie", "theme=dark"), ("cookie", edge), ("cookie", "lang=en"))
    yield (*known, ("cookie", "__Host-paseport-"), ("cookie", f"edge={FORGED}"))
    yield (*known, ("cookie", edge), ("cookie", edge.replace(FORGED, "another")))
    yield (*known, ("", FORGED), (" ", FORGED), ("x user", FORGED))


def _with_line_ends(target: str, end: str) -> Iterator[Pairs]:
    """Yield fields with a line end in them, each in turn."""
    forged = f"{end}X-User: {FORGED}"
    host, method, scheme, path = (":authority", APP), (":method", "GET"), (":scheme", "https"), (":path", target)
    yield (method, scheme, host, (":path", f"{target} HTTP/1.1{forged}{end}X-A: "))
    yield (method, scheme, host, (":path", f"{target}{end}/../../admin/panel"))
    yield (method, scheme, host, (":path", f"{target} HTTP/1.1{end}{end}{_SMUGGLED}"))
    yield ((":method", f"GET {target} HTTP/1.1{forged}{end}X-A:"), scheme, host, path)
    yield ((":method", f"GET{end}"), scheme, host, path)
    yield (method, scheme, (":authority", f"{APP}{forged}"), path)
    yield (method, scheme, (":authority", f"{OPEN}{end}Host: {APP}"), path)
    yield (method, scheme, host, path, ("x-a", f"1{forged}"))
    yield (method, scheme, host, path, ("x-a", f"1{end}{end}{_SMUGGLED}"))
    yield (method, scheme, host, path, (f"x-a: 1{forged}{end}x-b", "1"))
    yield (method, scheme, host, path, (f"x-user{end}", FORGED))
    yield (method, scheme, host, path, (f"{end}x-user", FORGED))
    yield (method, scheme, host, path, ("x-user", f"{FORGED}{end} more"))
    yield (method, scheme, host, path, ("cookie", f"a=b{forged}"))


def _with_two_ends(target: str) -> Iterator[tuple[Pairs, bytes]]:
    """Yield requests that end elsewhere for whoever believes a field and not the frames (§8.1.1)."""
    known = ((":method", "POST"), (":scheme", "https"), (":authority", APP), (":path", target))
    second = _SMUGGLED.encode()
    for length in ("0", "3", str(len(second) - 1), str(len(second) + 9), f"0, {len(second)}"):
        yield (*known, ("content-length", length)), second
        yield (*known, ("content-length", length), ("content-length", str(len(second)))), second
    for name, coding in itertools.product(("transfer-encoding", "transfer_encoding"), ("chunked", "x", "\tchunked")):
        yield (*known, (name, coding)), b"0\r\n\r\n" + second
        yield (*known, ("content-length", "0"), (name, coding)), b"0\r\n\r\n" + second
