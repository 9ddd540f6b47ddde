"""Requests that try to get past a proxy: as somebody else, to a path, a method or a host that is not theirs.

The same seed makes the same corpus. Each request carries its number, by which the service behind the proxy knows it.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from raw_http import request

APP, OPEN = "app.example.com", "open.example.com"
MARKER: Final = "X-Trial"
FORGED: Final = "forged-by-the-client"
FORGED_ADDRESS: Final = "203.0.113.66"
IDENTITY: Final = (
    *("X-User", "X-User-Id", "X-User-Roles", "X-User-Scopes", "X-User-Email", "X-Auth-Method"),
    *("Remote-User", "Remote-Groups", "Remote-Name", "Remote-Email"),
)
OVERRIDES: Final = {
    "X-Forwarded-Method": "GET",
    "X-Forwarded-Prefix": "/public",
    "X-Forwarded-Uri": "/public/page",
    "X-Http-Method": "GET",
    "X-Http-Method-Override": "GET",
    "X-Method-Override": "GET",
    "X-Original-Method": "GET",
    "X-Original-Uri": "/public/page",
    "X-Original-Url": "/public/page",
    "X-Rewrite-Url": "/public/page",
    "Forwarded": f"for={FORGED_ADDRESS};host={OPEN};proto=https",
}
"""Headers by which somebody is told another path or method than that of the request."""
_FACTS: Final = {
    **OVERRIDES,
    "X-Forwarded-For": FORGED_ADDRESS,
    "X-Forwarded-Host": OPEN,
    "X-Forwarded-Proto": "https",
    "X-Original-Host": OPEN,
    "X-Original-Proto": "https",
    "X-Real-Ip": FORGED_ADDRESS,
}


class Caller(Enum):
    """Who sends a request. Nobody but ``ADMIN`` may write, or read below ``/admin``."""

    NOBODY = "nobody"
    USER = "user"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Trial:
    """One request. ``is_ordinary``: nothing is wrong with it and the caller may send it, so it has to arrive."""

    number: int
    caller: Caller
    raw: bytes
    is_ordinary: bool = False
    ends_connection: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """What a request says, in no version of HTTP yet. ``version`` and what ends a connection are for HTTP/1 alone."""

    caller: Caller
    target: str = "/admin/panel"
    method: str = "GET"
    host: str | None = APP
    headers: tuple[tuple[str, str], ...] = ()
    version: str = "HTTP/1.1"
    body: bytes = b""
    is_ordinary: bool = False
    ends_connection: bool = False


def _words(text: str) -> list[str]:
    return text.split()


# What a path is made of: names, separators and everything that some parser takes for one of these.
_NAMES: Final = ("admin", "public", "reports", "panel", "%61dmin", "adm%69n", "%70ublic", "a", "ADMIN", "admin%20")
_JOINTS: Final = (
    *_words(r"""
    / / / // /./ /../ /../../ \ %2f %2F %5c %5C /%2e/ /%2e%2e/ /.%2e/ /%2E./ /..;/ /;/ /;x=1/ /..%2f %2f..%2f
    /..%5c \..\ /%252e%252e/ %252f /%c0%ae/ /%c0%ae%c0%ae/ %c0%af /%u002e%u002e/ /%00/ %00 %0a %0d%0a %09 %20
    /... /.../ # #/../ ? ?/../ %3f %23 ; | %ef%bc%8f %e2%88%95 /%zz/ /%2/
    """),
    "\xef\xbc\x8f",
)
_TARGETS: Final = (
    *_words(r"""
    /public/../admin/panel /public/%2e%2e/admin/panel /public/..%2fadmin/panel /public%2f..%2fadmin/panel
    /public/%2e%2e%2fadmin/panel /public/..;/admin/panel /public/;/../admin/panel /public\..\admin\panel
    /public/..\admin/panel /public/%5c..%5cadmin/panel //admin/panel ///admin/panel /./admin/panel
    /admin/./panel /admin//panel /admin /admin/ /admin/. /admin/.. /admin/x/.. /admin;x/panel /admin;/panel
    /admin%3b/panel /admin%00/panel /admin%20/panel /admin%2fpanel /%61dmin/panel /%2561dmin/panel
    /public/%252e%252e/admin/panel /public/%c0%ae%c0%ae/admin/panel /public/%u002e./admin
    /public#/../../admin/panel /admin/panel# /public?/../admin/panel /admin/panel?x=/public/ /admin/panel?
    /public%3f/../admin/panel /public%23/../admin/panel * admin/panel ../admin/panel ? # /public/.. /public/../
    /public/../. /.. /../admin/panel /public/a/../../admin/panel /public/a/b/../../../admin/panel
    /public/./../admin/panel /%2e/admin/panel /%2e%2e/admin/panel /public/%2e%2e;/admin/panel
    /public/.%2e/admin/panel /public/%2e./admin/panel /public//../admin/panel /public//../../admin/panel
    /public/%2f../admin/panel /public/..%252fadmin/panel /public/..%c0%afadmin/panel /public/%20../admin/panel
    /public/%2e%2e%00/admin/panel /admin/panel.json /admin.json /admin/panel/ /admin/panel// /admin/panel/%2e
    /publicadmin/panel /public../admin/panel /public..;/admin/panel /public.;/../admin/panel
    /public/&/../admin/panel /admin/panel?_method=GET /.paseport/auth /.paseport/handover/../../admin/panel
    /.paseport/../admin/panel /.paseport%2fhandover /%2epaseport/handover /x/../.paseport/handover
    /.paseport/handover;/../../admin /auth-request /forward-auth /ext-authz/public/page
    /public/page/../../ext-authz/public
    """),
    "/public/\xc0\xae\xc0\xae/admin/panel",
    "",
    "/public/\x7f/../admin",
    "/public/\t/../admin/panel",
    "/public /../admin/panel",
    "/public/ ../admin/panel",
    "/public/.. /admin/panel",
)
_HOSTS: Final = (
    *_words(r"""
    app.example.com:443 app.example.com:8443 app.example.com:0443 app.example.com: app.example.com:99999
    app.example.com:80:80 app.example.com. app.example.com.:443 APP.example.com App.Example.Com:443
    app.example.com/ app.example.com/open.example.com app.example.com?open.example.com
    app.example.com#open.example.com open.example.com@app.example.com app.example.com@open.example.com
    open.example.com#@app.example.com app.example.com,open.example.com open.example.com,app.example.com
    app.example.com\open.example.com app.example.com%00open.example.com open.example.com%2fapp.example.com
    app.example.com;open.example.com 127.0.0.1 localhost [::1] [::1 ::1 app_example.com *.example.com
    example.com .example.com xn--app.example.com app%2eexample.com open.example.com open.example.com:443
    open.example.com. OPEN.example.com open.example.com/../app.example.com open.example.com:app.example.com
    app.example.com:open.example.com
    """),
    " app.example.com",
    "app.example.com ",
    "\tapp.example.com",
    "open.example.com app.example.com",
    "",
    " ",
    "app.example.com\x00open.example.com",
    "app.example.com\x0b",
    "app.example\xe3\x80\x82com",
    "a" * 300,
)
_METHODS: Final = (
    *("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "get", "Get", "PROPFIND", "MKCOL", "MOVE", "TRACE"),
    *("CONNECT", "FOO", "GET ", " GET", "G\tET", "GET\x00", "PURGE", "DEBUG", "TRACK", "SEARCH"),
)
_COOKIES: Final = (
    f"theme=dark; __Host-paseport-refresh={FORGED}; lang=en",
    f"__Host-paseport-session={FORGED}",
    f"paseport-refresh={FORGED};theme=dark",
    f"theme=dark; __Host-paseport-txn={FORGED}",
)
_EDGE_COOKIE: Final = f"theme=dark; __Host-paseport-edge={FORGED}; lang=en"
"""A credential: beside another one nobody can say which counts."""


def corpus(credentials: dict[Caller, tuple[str, str]], *, seed: int = 8, size: int = 2400) -> list[Trial]:
    """Return at least ``size`` trials. ``credentials`` are headers, one for each caller that has any."""
    drafts = shuffled([*any_version(), *_framing()], seed=seed, size=size)
    return [_trial(number, draft, credentials) for number, draft in enumerate(drafts)]


def any_version() -> Iterator[Draft]:
    """Yield what may be tried in every version of HTTP."""
    yield from (*_paths(), *_identities(), *_facts(), *_hosts(), *_methods(), *_ordinary(60))


def shuffled(drafts: list[Draft], *, seed: int, size: int) -> list[Draft]:
    """Return ``size`` of these in no order, with as many mixed ones among them as are missing."""
    chance = random.Random(seed)
    mixed = [_mixed(chance) for _ in range(size - len(drafts))]
    return chance.sample(drafts + mixed, size)


def _trial(number: int, draft: Draft, credentials: dict[Caller, tuple[str, str]]) -> Trial:
    own = [credentials[draft.caller]] if draft.caller in credentials else []
    raw = request(
        draft.target,
        method=draft.method,
        host=draft.host,
        # A line that continues the one before it must find another one than these two.
        headers=[(MARKER, str(number)), *own, ("X-Before", "1"), *draft.headers],
        version=draft.version,
        body=b"" if draft.ends_connection else draft.body,
    )
    if draft.ends_connection:
        raw += draft.body
    return Trial(number, draft.caller, raw, draft.is_ordinary, draft.ends_connection)


def _paths() -> Iterator[Draft]:
    for target, caller in itertools.product(_TARGETS, (Caller.NOBODY, Caller.USER)):
        yield Draft(caller, target)
    for target in _TARGETS[:40]:
        for origin in (f"http://{APP}", f"https://{APP}", f"http://{OPEN}", f"http://{OPEN}:443"):
            yield Draft(Caller.USER, origin + target)


def _spellings(name: str) -> Iterator[str]:
    parts = name.split("-")
    for joints in itertools.product("-_.", repeat=len(parts) - 1):
        spelled = "".join(itertools.chain(*zip(parts, joints, strict=False))) + parts[-1]
        yield from (spelled, spelled.lower(), spelled.upper())
    yield from (f"{name} ", f" {name}", f"{name}\t", f"{name}\x00", f"{name}\x0b", name.replace("-", " "))
    yield from (name.replace("-", "--"), f"-{name}", f"HTTP_{name}", name.replace("-", "\xad"), f"{name}\xa0")


def _identities() -> Iterator[Draft]:
    for index, name in enumerate(IDENTITY):
        for spelling in _spellings(name):
            yield Draft(Caller.USER, "/reports/1", headers=((spelling, FORGED),))
        caller = (Caller.NOBODY, Caller.USER)[index % 2]
        target = "/public/page" if caller is Caller.NOBODY else "/reports/1"
        yield Draft(caller, target, headers=((name, FORGED), (name.lower(), FORGED), (name.replace("-", "_"), FORGED)))
        yield Draft(caller, target, headers=((name, ""), (name, FORGED)))
        yield Draft(caller, target, headers=((name, f"ada\r\n\t{FORGED}"),))
        yield Draft(caller, target, headers=(("X-Filler", f"1\n{name}: {FORGED}"),))
        yield Draft(caller, target, headers=(("X-Filler", f"1\r{name}: {FORGED}"),))
        # Hop-by-hop: the proxy is told to drop what it is about to set (RFC 9110 §7.6.1).
        yield Draft(caller, target, headers=((name, FORGED), ("Connection", f"keep-alive, {name}")))
        yield Draft(caller, target, headers=(("Connection", f"Upgrade, {name}"), ("Upgrade", "websocket")))
        yield Draft(caller, target, headers=(("Connection", name), ("Connection", name.lower()), (name, FORGED)))


def _facts() -> Iterator[Draft]:
    for (name, value), caller in itertools.product(_FACTS.items(), (Caller.NOBODY, Caller.USER)):
        for spelling in (name, name.lower(), name.replace("-", "_"), f"{name} ", name.replace("-", ".")):
            yield Draft(caller, headers=((spelling, value),))
        yield Draft(caller, headers=((name, value), (name, value)))
        yield Draft(caller, headers=((name, value), ("Connection", f"close, {name}")))
        yield Draft(caller, headers=(("Connection", name),))
        yield Draft(caller, "/reports/1", "POST", headers=((name, value),), body=b"x=1")
    for caller in (Caller.NOBODY, Caller.USER):
        yield Draft(caller, headers=tuple(_FACTS.items()))
        # The client plays the answer of whoever is asked.
        yield Draft(
            caller, headers=(("X-Paseport-Status", "200"), ("X-Accel-Redirect", "/"), ("X-Accel-Expires", "60"))
        )
        yield Draft(caller, headers=(("X-Envoy-Original-Path", "/public/page"), ("X-Envoy-Internal", "true")))
        yield Draft(
            caller, headers=(("X-Envoy-Auth-Headers-To-Remove", "x-user"), ("X-Envoy-Decorator-Operation", "a"))
        )
        for nominated in ("Authorization", "Cookie", "Host", "X-Forwarded-For", "Origin", "Content-Length"):
            yield Draft(caller, headers=(("Connection", f"close, {nominated}"),))


def _hosts() -> Iterator[Draft]:
    for host, target in itertools.product(_HOSTS, ("/admin/panel", "/reports/1", f"http://{APP}/admin/panel")):
        yield Draft(Caller.USER, target, host=host)
    for first, second in itertools.product((APP, OPEN, "", f"{OPEN}:443"), repeat=2):
        yield Draft(Caller.USER, host=first, headers=(("Host", second),))
        yield Draft(Caller.USER, host=first, headers=((" Host", second),))
        yield Draft(Caller.USER, host=first, headers=(("Host ", second),))
        yield Draft(Caller.USER, f"http://{second}/admin/panel", host=first)
        yield Draft(Caller.USER, f"//{second}/admin/panel", host=first)
    for target in ("/admin/panel", "/public/page", f"http://{APP}/admin/panel", f"http://{OPEN}/admin/panel"):
        yield Draft(Caller.USER, target, host=None)
        yield Draft(Caller.USER, target, host=None, version="HTTP/1.0")
        yield Draft(Caller.USER, target, host=OPEN, version="HTTP/1.0")
    for target in (
        f"http://{OPEN}@{APP}/admin/panel",
        f"http://{APP}@{OPEN}/admin/panel",
        f"http://{OPEN}#@{APP}/admin",
    ):
        yield Draft(Caller.USER, target)
        yield Draft(Caller.USER, target, host=OPEN)


def _methods() -> Iterator[Draft]:
    for method, caller in itertools.product(_METHODS, (Caller.NOBODY, Caller.USER)):
        for target in ("/public/page", "/reports/1"):
            yield Draft(caller, target, method)
    for method, body in (("POST", b"_method=DELETE"), ("POST", b"x"), ("DELETE", b""), ("GET", b"x" * 5000)):
        yield Draft(Caller.USER, "/reports/1?_method=GET", method, body=body)


def _framing() -> Iterator[Draft]:
    """Where a request ends: whoever sees another end finds a second request there (RFC 9112 §11.2)."""
    second = b"GET /admin/panel HTTP/1.1\r\nHost: app.example.com\r\n" + f"X-User: {FORGED}\r\n\r\n".encode()
    chunked = b"0\r\n\r\n" + second
    lengths = (("Content-Length", "0"), ("Content-Length", str(len(second))), ("Content-Length", "+5"))
    codings = (
        "chunked",
        " chunked",
        "Chunked",
        "chunked, identity",
        "identity, chunked",
        "x",
        "\x0bchunked",
        "chunked\x00",
    )
    for caller in (Caller.NOBODY, Caller.USER):
        target = "/public/page" if caller is Caller.NOBODY else "/reports/1"
        for coding in codings:
            for name in ("Transfer-Encoding", "transfer_encoding", "Transfer-Encoding "):
                yield Draft(caller, target, headers=((name, coding), lengths[1]), body=chunked, ends_connection=True)
                yield Draft(caller, target, headers=(lengths[0], (name, coding)), body=chunked, ends_connection=True)
        for length in lengths:
            yield Draft(caller, target, headers=(length, lengths[1]), body=second, ends_connection=True)
        yield Draft(caller, target, headers=(("Content-Length", "0, 5"),), body=second, ends_connection=True)
        h2c = (("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABk"), ("Connection", "Upgrade, HTTP2-Settings"))
        yield Draft(caller, target, headers=h2c, body=second, ends_connection=True)
        yield Draft(caller, target, headers=(("Expect", "100-continue"),), body=second, ends_connection=True)
        for version in ("HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/1.2", "http/1.1", "HTTP/1.1 ", "HTTP/11"):
            yield Draft(caller, "/admin/panel", version=version, ends_connection=True)
        yield Draft(caller, headers=(("X-Large", "a" * 65_536),), ends_connection=True)
        yield Draft(caller, headers=tuple((f"X-Many-{n}", "a") for n in range(200)), ends_connection=True)
        yield Draft(caller, headers=(("Cookie", "a=" + "b" * 8192),), ends_connection=True)
        yield Draft(caller, "/public/" + "a" * 9000 + "/../../admin/panel", ends_connection=True)


def _ordinary(count: int) -> Iterator[Draft]:
    """Without these a proxy that lets nobody in would pass."""
    for index in range(count):
        yield Draft(Caller.NOBODY, f"/public/page-{index}", headers=(("Cookie", _EDGE_COOKIE),), is_ordinary=True)
        yield Draft(Caller.USER, f"/reports/{index}?q=/admin/", is_ordinary=True)
        yield Draft(Caller.USER, "/reports/a%20b", headers=(("Cookie", _COOKIES[index % 4]),), is_ordinary=True)
        yield Draft(Caller.ADMIN, "/admin/panel", headers=(("X-User", FORGED),), is_ordinary=True)
        yield Draft(Caller.ADMIN, "/reports/1", "POST", body=b"x=1", is_ordinary=True)


def _mixed(chance: random.Random) -> Draft:
    segments = [chance.choice(_NAMES) for _ in range(chance.randint(1, 4))]
    target = "/" + "".join(name + chance.choice(_JOINTS) for name in segments) + chance.choice(_NAMES)
    headers: list[tuple[str, str]] = []
    for name, value in chance.sample(sorted(_FACTS.items()), chance.randint(0, 3)):
        headers.append((chance.choice(tuple(_spellings(name))), value))
    names = chance.sample(IDENTITY, chance.randint(0, 3))
    headers += [(chance.choice(tuple(_spellings(name))), FORGED) for name in names]
    caller = chance.choice((Caller.NOBODY, Caller.USER))
    if chance.random() < 0.3:
        headers.append(("Cookie", _EDGE_COOKIE if caller is Caller.NOBODY else chance.choice(_COOKIES)))
    return Draft(
        caller,
        target if chance.random() < 0.8 else chance.choice(_TARGETS),
        chance.choice(_METHODS) if chance.random() < 0.15 else "GET",
        chance.choice(_HOSTS) if chance.random() < 0.2 else APP,
        tuple(headers),
    )
