"""``paseport doctor proxy``: does a proxy let through what it must not? Asked of the proxy itself, from outside."""

from __future__ import annotations

import itertools
import re
import secrets
import socket
import ssl
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

import msgspec
import typer

from paseport_standalone.cli.errors import FAILED, NOT_RUNNING, USAGE, CommandFailed
from paseport_standalone.cli.options import Json
from paseport_standalone.cli.output import Output

Status = Literal["ok", "fail"]

IDENTITY: Final = (
    *("X-User", "X-User-Id", "X-User-Roles", "X-User-Scopes", "X-User-Email", "X-Auth-Method"),
    *("Remote-User", "Remote-Groups", "Remote-Name", "Remote-Email"),
)
"""What the api's answers name the caller by (docs/proxies.md)."""
_OVERRIDES: Final = (
    *("X-Original-Url", "X-Rewrite-Url", "X-Forwarded-Uri", "X-Forwarded-Prefix", "X-Forwarded-Method"),
    *("X-Http-Method-Override", "X-Method-Override", "X-Http-Method", "X-Original-Uri", "X-Original-Method"),
)
"""By these some services answer for another path or method than that of the request."""
_DETOURS: Final = (
    *("/./{below}", "//{below}", "/%2e/{below}", "/x/../{below}", "/x/%2e%2e/{below}", "/x/..%2f{below}"),
    *("/x%2f..%2f{below}", "/x/..;/{below}", "/;/{below}", "/x\\..\\{below}", "/x/%5c..%5c{below}", "/%2f{below}"),
    *("/x/%252e%252e/{below}", "/x/..%252f{below}", "/x/%c0%ae%c0%ae/{below}", "/{below};x=1", "/{below}%00"),
    *("/{below}/.", "/{below}/x/..", "/{below}%2f", "/x/../{first}{rest}"),
)
"""Ways to write a path that services read in several ways. ``first`` is its first character, escaped."""
_ESCAPED: Final = "/{first}{rest}"
"""One that all read alike."""
_MARK: Final = "MARK"
"""Stands in a header for a word of its own, by which it is known again."""
_REFUSED: Final = frozenset({301, 302, 303, 307, 308, *range(400, 600)})
_TIMEOUT_SECONDS: Final = 10.0
_MAX_ANSWER: Final = 1 << 20
_HEAD_END: Final = b"\r\n\r\n"


class Probe(msgspec.Struct, frozen=True):
    """One thing that was tried, and what came of it. ``answer`` is the status; 0 is none at all."""

    name: str
    status: Status
    detail: str
    answer: int


@dataclass(frozen=True, slots=True)
class _Target:
    host: str
    port: int
    is_tls: bool
    authority: str
    path: str


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes

    def shows(self, text: str) -> bool:
        return text.encode() in self.body


def doctor_proxy(
    url: Annotated[str, typer.Argument(metavar="URL", help="A routed host, such as https://app.example.com.")],
    *,
    echo_path: Annotated[
        str, typer.Option(help="A path behind the proxy that answers with the headers that it received.")
    ] = "/",
    denied_path: Annotated[
        str | None, typer.Option(help="A path that the rules deny to you: every other way to write it is tried.")
    ] = None,
    key_stdin: Annotated[
        bool, typer.Option("--key-stdin", help="Read an API key from standard input, if the path needs one.")
    ] = False,
    json: Json = False,
) -> None:
    """Send forged headers and strange paths through your proxy, and say what leaked.

    Behind the proxy there has to be a service that echoes headers, for the time of the test. Changes nothing. Exits
    with 1 if anything leaked or passed.
    """
    output = Output(as_json=json)
    target = _target(url, echo_path)
    key = sys.stdin.readline().strip() if key_stdin else None
    probes = list(_probes(_Proxy(target, key), denied_path))
    leaked = [probe for probe in probes if probe.status == "fail"]
    output.document({"tight": not leaked, "probes": probes})
    for probe in leaked:
        output.mark("fail", "bold red", f"{probe.name}: {probe.detail}")
    if leaked:
        output.say(f"{len(leaked)} of {len(probes)} tries got through. See docs/proxies.md.")
        raise typer.Exit(FAILED)
    output.mark("ok  ", "green", f"{len(probes)} tries, and nothing got through.")


class _Proxy:
    def __init__(self, target: _Target, key: str | None) -> None:
        self._target = target
        self.key = key
        self.path = target.path
        self._tls = ssl.create_default_context() if target.is_tls else None

    def ask(self, path: str, headers: Iterable[tuple[str, str]] = (), *, with_key: bool = True) -> _Answer:
        """Send one request exactly as it is written; no library tidies it up."""
        sent = [("Host", self._target.authority), ("User-Agent", "paseport-doctor"), *headers]
        if self.key is not None and with_key:
            sent.append(("Authorization", f"Bearer {self.key}"))
        if not any(name == "Connection" for name, _ in sent):
            sent.append(("Connection", "close"))
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent)]
        raw = "\r\n".join([*lines, "", ""]).encode("latin-1")
        try:
            return self._exchange(raw)
        except ssl.SSLCertVerificationError as error:
            raise CommandFailed(
                "untrusted_certificate",
                f"The certificate of {self._target.authority} is not trusted: {error.verify_message}.",
                advice="If an authority of your own signed it, name that one's certificate: SSL_CERT_FILE=ca.pem",
                exit_code=NOT_RUNNING,
            ) from error
        except (TimeoutError, ConnectionResetError, BrokenPipeError, ssl.SSLError):
            return _Answer(0, b"")
        except OSError as error:
            raise CommandFailed(
                "proxy_unreachable",
                f"Nobody answers at {self._target.authority}: {error.strerror or error}.",
                exit_code=NOT_RUNNING,
            ) from error

    def _exchange(self, raw: bytes) -> _Answer:
        with socket.create_connection((self._target.host, self._target.port), _TIMEOUT_SECONDS) as plain:
            connection = plain if self._tls is None else self._tls.wrap_socket(plain, server_hostname=self._target.host)
            with connection:
                connection.sendall(raw)
                received = b""
                while len(received) < _MAX_ANSWER and (block := connection.recv(65_536)):
                    received += block
                    if _is_whole(received):
                        break
        status = re.match(rb"HTTP/1\.[01] (\d{3})", received)
        return _Answer(int(status[1]) if status else 0, received.partition(_HEAD_END)[2])


def _probes(proxy: _Proxy, denied_path: str | None) -> Iterator[Probe]:
    _check_echo(proxy)
    yield from _identities(proxy)
    yield from _overrides(proxy)
    yield from _credentials(proxy)
    yield from _detours(proxy)
    if denied_path is not None:
        yield from _denied(proxy, denied_path)


def _check_echo(proxy: _Proxy) -> None:
    mark = _mark()
    answer = proxy.ask(proxy.path, [("X-Paseport-Doctor", mark)])
    if not answer.shows(mark):
        wanted = (
            "Name one with --echo-path, of a service such as traefik/whoami or mendhak/http-https-echo."
            if 200 <= answer.status < 300
            else "Name a path that you may read with --echo-path, and give a key with --key-stdin if it needs one."
        )
        raise CommandFailed(
            "no_echo",
            f"{proxy.path} does not show the headers that it received (the answer is {answer.status}).",
            advice=wanted,
            exit_code=USAGE,
        )


def _identities(proxy: _Proxy) -> Iterator[Probe]:
    for name in IDENTITY:
        for spelling in dict.fromkeys(_spellings(name)):
            yield _leak(proxy, f"header {spelling!r}", (spelling, _MARK))
        yield _leak(proxy, f"header {name} twice", (name, ""), (name, _MARK))
        yield _leak(proxy, f"header {name}, and Connection: {name}", (name, _MARK), ("Connection", f"close, {name}"))


def _overrides(proxy: _Proxy) -> Iterator[Probe]:
    for name in _OVERRIDES:
        for spelling in (name, name.replace("-", "_")):
            yield _leak(proxy, f"header {spelling!r}", (spelling, f"/{_MARK}"))


def _credentials(proxy: _Proxy) -> Iterator[Probe]:
    for cookie in ("__Host-paseport-session", "__Host-paseport-refresh", "paseport-session"):
        yield _leak(proxy, f"cookie {cookie}", ("Cookie", f"a=b; {cookie}={_MARK}"))
    if proxy.key is None:
        # Beside a key it would be a second credential, and refused for that.
        edge = "__Host-paseport-edge"
        yield _leak(proxy, f"cookie {edge}", ("Cookie", f"{edge}={_MARK}"))
        return
    for name, value in (("Authorization", f"Bearer {proxy.key}"), ("X-Api-Key", proxy.key)):
        answer = proxy.ask(proxy.path, [(name, value)], with_key=False)
        shown = answer.shows(proxy.key)
        detail = "the service sees the key" if shown else "the service sees no key"
        yield Probe(f"key in {name}", "fail" if shown else "ok", detail, answer.status)


def _detours(proxy: _Proxy) -> Iterator[Probe]:
    """A path with two readings may be refused, or arrive in its plain spelling; never as it is."""
    for path in _written_otherwise(proxy.path, _DETOURS):
        answer = proxy.ask(path)
        passed = 200 <= answer.status < 300 and (answer.shows(path) or answer.shows(path.replace("\\", "\\\\")))
        detail = "the service receives it as it is" if passed else "refused, or resolved"
        yield Probe(f"path {path!r}", "fail" if passed else "ok", detail, answer.status)


def _denied(proxy: _Proxy, path: str) -> Iterator[Probe]:
    plain = proxy.ask(path)
    if plain.status not in _REFUSED:
        raise CommandFailed(
            "not_denied", f"{path} is answered {plain.status}: name a path that is denied to you.", exit_code=USAGE
        )
    for detour in [
        *_written_otherwise(path, [*_DETOURS, _ESCAPED]),
        *_written_otherwise(path, _DETOURS, through=proxy.path),
    ]:
        answer = proxy.ask(detour)
        passed = 200 <= answer.status < 300
        detail = f"a way to {path}, which is denied" if passed else "refused"
        yield Probe(f"path {detour!r}", "fail" if passed else "ok", detail, answer.status)
    for name in _OVERRIDES:
        answer = proxy.ask(path, [(name, proxy.path)])
        passed = 200 <= answer.status < 300
        detail = f"a way to {path}, which is denied" if passed else "refused"
        yield Probe(f"path {path} with {name}", "fail" if passed else "ok", detail, answer.status)


def _leak(proxy: _Proxy, name: str, *headers: tuple[str, str]) -> Probe:
    mark = _mark()
    answer = proxy.ask(proxy.path, [(header, value.replace(_MARK, mark)) for header, value in headers])
    shown = answer.shows(mark)
    return Probe(name, "fail" if shown else "ok", "the service receives it" if shown else "dropped", answer.status)


def _spellings(name: str) -> Iterator[str]:
    parts = name.split("-")
    for joints in itertools.product("-_", repeat=len(parts) - 1):
        spelled = "".join(itertools.chain(*zip(parts, joints, strict=False))) + parts[-1]
        yield from (spelled, spelled.lower())
    yield from (f"{name} ", name.replace("-", "."))


def _written_otherwise(path: str, ways: Iterable[str], through: str = "") -> Iterator[str]:
    below = path.lstrip("/")
    if not below:
        return
    prefix = through.rstrip("/")
    up = "/.." * prefix.count("/")
    for detour in ways:
        written = detour.format(below=below, first=f"%{ord(below[0]):02x}", rest=below[1:])
        yield f"{prefix}{up}{written}" if prefix else written


def _target(url: str, path: str) -> _Target:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    is_origin = parts.hostname and url.removesuffix("/") == f"{parts.scheme}://{parts.netloc}" and "@" not in url
    if not is_origin or parts.scheme not in ("http", "https"):
        raise CommandFailed("usage", "URL is an origin, such as https://app.example.com.", exit_code=USAGE)
    if not path.startswith("/") or not path.isascii() or not path.isprintable() or " " in path:
        raise CommandFailed("usage", "--echo-path is a path, such as /echo.", exit_code=USAGE)
    is_tls = parts.scheme == "https"
    return _Target(parts.hostname or "", port or (443 if is_tls else 80), is_tls, parts.netloc, path)


def _is_whole(received: bytes) -> bool:
    """Say whether an answer has ended although the connection stands: some proxies do not close it."""
    head, end, body = received.partition(_HEAD_END)
    if not end:
        return False
    length = re.search(rb"(?im)^content-length:[ \t]*(\d+)", head)
    if length is not None:
        return len(body) >= int(length[1])
    return re.search(rb"(?im)^transfer-encoding:[ \t]*chunked", head) is not None and body.endswith(b"0\r\n\r\n")


def _mark() -> str:
    return f"forged-{secrets.token_hex(8)}"
