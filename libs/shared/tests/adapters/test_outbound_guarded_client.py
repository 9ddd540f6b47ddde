"""Somebody tells Paseport which server to ask, and that server answers as it likes. XI-16.

The servers are real ones on loopback, with a certificate for localhost and 127.0.0.1. Where a case needs a public
address, the connection to it is led to such a server; what address it was is recorded.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from paseport_shared.adapters.outbound.exchange import MAX_BODY_BYTES, MAX_HEADER_BYTES, MAX_PIECES, MAX_READ_BYTES
from paseport_shared.adapters.outbound.guarded_client import MAX_WAITING, GuardedHttpClient
from paseport_shared.adapters.outbound.resolver import QUEUE, WORKERS, Address, SystemResolver
from paseport_shared.domain.errors import Overloaded, Unavailable
from paseport_shared.domain.models.outbound_url import OutboundTarget
from paseport_shared.domain.ports.outbound import OutboundRefused, OutboundRule
from paseport_testkit.harness.certificates import Certificates

pytestmark = pytest.mark.each_event_loop

PUBLIC, OTHER_PUBLIC, METADATA = "93.184.215.14", "2606:4700::1111", "169.254.169.254"
LOOPBACK = "127.0.0.1"
SHORT_SECONDS = 0.3
# Nothing here takes so long; it only keeps a test that fails from waiting for ever.
PATIENCE_SECONDS = 30

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def answer(body: bytes = b"{}", head: str = "", status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode() + body


def saying(what: bytes) -> Script:
    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(what)
        await writer.drain()

    return say


async def flood(writer: asyncio.StreamWriter, piece: bytes) -> None:
    """Write the same again and again, until the other side has had enough."""
    while not writer.is_closing():
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)  # draining alone lets nobody else notice that the other side has gone


async def nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


@dataclass
class Server:
    """Reads a request, records it, and does what its script says; then it hangs up."""

    script: Script = field(default_factory=lambda: saying(answer()))
    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)
    reads_bodies: bool = True
    connections: int = 0
    open: int = 0
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def target(self) -> OutboundTarget:
        return OutboundTarget(LOOPBACK, self.port)

    @property
    def url(self) -> str:
        return f"https://{self.target}/"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        self.closed.clear()
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            body = (
                await reader.readexactly(int(lengths[0].partition(b":")[2])) if lengths and self.reads_bodies else b""
            )
            self.requests.append(head + body)
            await self.script(reader, writer)
            writer.close()
            await writer.wait_closed()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client has gone
        finally:
            # In CPython 3.11.2 a TLS connection that was closed can no longer be aborted.
            if not writer.is_closing():
                writer.transport.abort()
            self.open -= 1
            self.closed.set()


@pytest.fixture
async def server(certificates: Certificates) -> AsyncIterator[Server]:
    server = Server()
    async with running(server, server_tls(certificates)):
        yield server


@asynccontextmanager
async def running(server: Server, tls: ssl.SSLContext | None) -> AsyncIterator[None]:
    if tls is not None:

        def note_name(_: ssl.SSLObject, name: str | None, __: ssl.SSLContext) -> None:
            server.names.append(name)

        tls.sni_callback = note_name
    listener = await asyncio.start_server(server.serve, LOOPBACK, 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield
    finally:
        listener.close()
    async with asyncio.timeout(PATIENCE_SECONDS):
        # Whatever a case did, no connection of the client may outlive it.
        while server.open:
            server.closed.clear()
            await server.closed.wait()


def server_tls(certificates: Certificates) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.certificate, certificates.key)
    return context


class ScriptedResolver:
    """A name server of an attacker: it has an answer for each time that it is asked."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)
        self.asked: list[OutboundTarget] = []

    async def resolve(self, target: OutboundTarget) -> tuple[Address, ...]:
        self.asked.append(target)
        return tuple(ip_address(text) for text in self._answers.pop(0))

    def close(self) -> None:
        pass


class SilentResolver(ScriptedResolver):
    """A name server that never answers."""

    async def resolve(self, target: OutboundTarget) -> tuple[Address, ...]:
        await asyncio.Event().wait()
        raise AssertionError


class Internet:
    """Leads connections to any address to one server on loopback, and records where they wanted to go."""

    def __init__(self, server: Server, unreachable: tuple[str, ...] = ()) -> None:
        self._server = server
        self._unreachable = unreachable
        self.connections: list[tuple[str, int]] = []

    async def connect(self, host: str, port: int, **options: Any) -> Any:
        self.connections.append((host, port))
        if host in self._unreachable:
            raise ConnectionRefusedError
        return await asyncio.open_connection(LOOPBACK, self._server.port, **options)


def a_client(*arguments: Any, **options: Any) -> GuardedHttpClient:
    """A client whose deadline no machine is too slow for."""
    return GuardedHttpClient(*arguments, deadline_seconds=PATIENCE_SECONDS, **options)


@pytest.fixture
def client(server: Server, certificates: Certificates) -> GuardedHttpClient:
    """A client that may ask the server, as operators allow an identity provider in their own network."""
    return a_client([server.target], certificates.ca)


@pytest.fixture
def hasty(server: Server, certificates: Certificates) -> GuardedHttpClient:
    return GuardedHttpClient([server.target], certificates.ca, deadline_seconds=SHORT_SECONDS)


async def refusal(call: Awaitable[object]) -> OutboundRule:
    """The rule that a call broke."""
    with pytest.raises(OutboundRefused) as refused:
        await call
    return refused.value.rule


async def failure(call: Awaitable[object]) -> str:
    """Why there was no answer to a call that broke no rule."""
    with pytest.raises(Unavailable) as failed:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await call
    assert not isinstance(failed.value, OutboundRefused)
    return failed.value.reason


# --- what is sent, and what comes back --------------------------------------------------------------------------------


async def test_an_answer_comes_back_with_status_headers_and_body(client: GuardedHttpClient, server: Server) -> None:
    head = "Content-Type: text/plain\r\nCache-Control: a\r\nCACHE-control: b\r\nSet-Cookie: sid=1\r\n"
    server.script = saying(answer(b"no", head, "404 Not Found"))

    found = await client.get(f"{server.url}a/b?c=d", headers={"Authorization": "Bearer x"})

    assert (found.status, found.body) == (404, b"no")
    assert found.headers == {"content-length": "2", "content-type": "text/plain", "cache-control": "a, b"}
    line, *headers = server.requests[0].decode().split("\r\n")
    assert line == "GET /a/b?c=d HTTP/1.1"
    assert {header.partition(":")[0].lower(): header.partition(": ")[2] for header in headers if header} == {
        "host": f"{LOOPBACK}:{server.port}",
        "accept": "application/json",
        "accept-encoding": "identity",
        "authorization": "Bearer x",
        "connection": "close",
        "user-agent": "paseport",
    }


async def test_a_form_is_posted(client: GuardedHttpClient, server: Server) -> None:
    await client.post_form(server.url, {"grant_type": "authorization_code", "code": "ä&="})

    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST / HTTP/1.1\r\n")
    assert b"content-type: application/x-www-form-urlencoded" in head.lower()
    assert body == b"grant_type=authorization_code&code=%C3%A4%26%3D"


async def test_json_is_posted(client: GuardedHttpClient, server: Server) -> None:
    await client.post_json(server.url, {"event": "ä"}, headers={"Accept": "*/*"})

    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert b"content-type: application/json" in head.lower()
    assert b"accept: */*" in head.lower()
    assert json.loads(body) == {"event": "ä"}


async def test_a_body_in_chunks_is_put_together(client: GuardedHttpClient, server: Server) -> None:
    server.script = saying(
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\nTrailer: t\r\n\r\n"
    )

    assert (await client.get(server.url)).body == b"abc"


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_an_answer_that_has_no_body_needs_no_length(
    client: GuardedHttpClient, server: Server, status: str
) -> None:
    server.script = saying(f"HTTP/1.1 {status}\r\n\r\n".encode())

    assert (await client.get(server.url)).body == b""


async def test_cookies_are_not_kept_and_no_connection_is_used_twice(client: GuardedHttpClient, server: Server) -> None:
    server.script = saying(answer(head="Set-Cookie: sid=1; Path=/\r\nConnection: keep-alive\r\n"))

    await client.get(server.url)
    await client.get(server.url)

    assert server.connections == 2
    assert not any(b"sid=1" in request for request in server.requests)


@pytest.mark.parametrize("name", ["Host", "cookie", "Accept-Encoding", "CONTENT-LENGTH", "Transfer-Encoding", "Expect"])
async def test_a_caller_cannot_set_what_the_rules_rest_on(client: GuardedHttpClient, server: Server, name: str) -> None:
    with pytest.raises(ValueError, match=name.lower()):
        await client.get(server.url, headers={name: "x"})

    assert server.connections == 0


@pytest.mark.parametrize(
    ("name", "value"), [("X", "a\r\nHost: b"), ("X\r\nHost", "b"), ("X", "ä"), ("", "a"), ("X", "\0")]
)
async def test_a_header_cannot_smuggle_another(
    client: GuardedHttpClient, server: Server, name: str, value: str
) -> None:
    with pytest.raises(ValueError, match="character that headers cannot have"):
        await client.get(server.url, headers={name: value})

    assert server.connections == 0


async def test_nothing_comes_from_the_environment(
    server: Server, certificates: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{LOOPBACK}:1")
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    (tmp_path / "netrc").write_text(f"machine {LOOPBACK} login user password word")

    await a_client([server.target], certificates.ca).get(server.url)

    assert b"authorization" not in server.requests[0].lower()
    assert not (tmp_path / "keys").exists()


# --- which servers are asked ------------------------------------------------------------------------------------------


async def test_a_public_address_on_port_443_is_asked_under_its_name(server: Server, certificates: Certificates) -> None:
    internet, resolver = Internet(server), ScriptedResolver([PUBLIC])
    client = a_client((), certificates.ca, resolver=resolver, connect=internet.connect)

    await client.get("https://LOCALHOST/x")

    assert internet.connections == [(PUBLIC, 443)]
    assert server.names == ["localhost"]
    assert b"\r\nhost: localhost\r\n" in server.requests[0].lower()


async def test_a_name_that_points_elsewhere_the_second_time_is_not_asked_twice(
    server: Server, certificates: Certificates
) -> None:
    """DNS rebinding: what was judged is what is connected to."""
    internet, resolver = Internet(server), ScriptedResolver([PUBLIC], [METADATA])
    client = a_client((), certificates.ca, resolver=resolver, connect=internet.connect)

    await client.get("https://localhost/")

    assert resolver.asked == [OutboundTarget("localhost", 443)]
    assert internet.connections == [(PUBLIC, 443)]
    assert await refusal(client.get("https://localhost/")) is OutboundRule.ADDRESS
    assert internet.connections == [(PUBLIC, 443)]


async def test_the_next_address_is_tried_where_one_does_not_answer(server: Server, certificates: Certificates) -> None:
    internet = Internet(server, unreachable=(OTHER_PUBLIC,))
    resolver = ScriptedResolver([OTHER_PUBLIC, PUBLIC])
    client = a_client((), certificates.ca, resolver=resolver, connect=internet.connect)

    await client.get("https://localhost/")

    assert internet.connections == [(OTHER_PUBLIC, 443), (PUBLIC, 443)]


@pytest.mark.parametrize(
    "addresses",
    [
        [LOOPBACK],
        [METADATA],
        ["10.0.0.7"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::a9fe:a9fe"],
        ["fd00:ec2::254"],
        ["fe80::1%2"],
        [PUBLIC, LOOPBACK],
        [LOOPBACK, PUBLIC],
        [OTHER_PUBLIC, PUBLIC, "::ffff:10.0.0.7"],
        [PUBLIC] * 20 + [METADATA],
    ],
)
async def test_one_address_that_is_not_public_is_enough(
    server: Server, certificates: Certificates, addresses: list[str]
) -> None:
    internet, resolver = Internet(server), ScriptedResolver(addresses)
    client = a_client((), certificates.ca, resolver=resolver, connect=internet.connect)

    assert await refusal(client.get("https://localhost/")) is OutboundRule.ADDRESS
    assert internet.connections == []


@pytest.mark.parametrize(
    "host",
    [
        LOOPBACK,
        METADATA,
        "10.0.0.7",
        "100.100.100.200",
        "0.0.0.0",  # noqa: S104 - nothing is bound to it
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:a9fe:a9fe]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::808:808]",
        "[2002:7f00:1::]",
        "[fd00::1]",
        "[fe80::1]",
        "[fec0::1]",
        "[ff02::1]",
        "[::127.0.0.1]",
        "224.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "198.18.0.1",
    ],
)
async def test_an_address_in_the_url_is_judged_alike(server: Server, certificates: Certificates, host: str) -> None:
    internet = Internet(server)
    client = a_client((), certificates.ca, connect=internet.connect)

    assert await refusal(client.get(f"https://{host}/")) is OutboundRule.ADDRESS
    assert internet.connections == []


@pytest.mark.parametrize("host", ["localhost", LOOPBACK])
async def test_the_loopback_of_this_machine_is_not_asked(server: Server, certificates: Certificates, host: str) -> None:
    """With the operating system's own resolver."""
    internet = Internet(server)

    assert await refusal(a_client(connect=internet.connect).get(f"https://{host}/")) is OutboundRule.ADDRESS
    assert internet.connections == []


@pytest.mark.parametrize("port", [22, 80, 6379, 8443])
async def test_another_port_is_not_asked(server: Server, port: int) -> None:
    internet, resolver = Internet(server), ScriptedResolver()
    client = a_client(resolver=resolver, connect=internet.connect)

    assert await refusal(client.get(f"https://idp.example.com:{port}/")) is OutboundRule.PORT
    assert (resolver.asked, internet.connections) == ([], [])


@pytest.mark.parametrize("scheme", ["http", "file", "gopher", "ftp", "ws", "unix"])
async def test_nothing_but_https_is_spoken_even_with_what_is_allowed(
    client: GuardedHttpClient, server: Server, scheme: str
) -> None:
    assert await refusal(client.get(f"{scheme}://{server.target}/")) is OutboundRule.HTTPS
    assert server.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "https://user@127.0.0.1:{}/",
        "https://127.0.0.1:{}/#x",
        "https://0x7f.1:{}/",
        "https://2130706433:{}/",
        "https://127.1:{}/",
        "https://0177.0.0.1:{}/",
        "https://127.0.0.1.:{}/",
        "https://127。0.0.1:{}/",
        "127.0.0.1:{}",
    ],
)
async def test_a_url_that_others_read_differently_is_not_asked(
    client: GuardedHttpClient, server: Server, url: str
) -> None:
    assert await refusal(client.get(url.format(server.port))) is OutboundRule.URL
    assert server.connections == 0


async def test_what_is_allowed_is_allowed_by_host_and_port_alone(server: Server, certificates: Certificates) -> None:
    """The entry is for a name; neither its address nor another port of it is meant."""
    client = a_client([OutboundTarget("localhost", server.port)], certificates.ca)

    assert (await client.get(f"https://LocalHost:{server.port}/")).status == 200
    assert await refusal(client.get(f"https://{LOOPBACK}:{server.port}/")) is OutboundRule.PORT
    assert await refusal(client.get("https://localhost/")) is OutboundRule.ADDRESS


# --- whose certificate is believed ------------------------------------------------------------------------------------


async def test_a_certificate_for_another_name_is_not_believed(server: Server, certificates: Certificates) -> None:
    resolver = ScriptedResolver([LOOPBACK])
    target = OutboundTarget("idp.example.com", server.port)
    client = a_client([target], certificates.ca, resolver=resolver)

    assert await refusal(client.get(f"https://{target}/")) is OutboundRule.CERTIFICATE
    assert server.requests == []


async def test_a_wrong_certificate_ends_the_search(server: Server, certificates: Certificates) -> None:
    internet, resolver = Internet(server), ScriptedResolver([PUBLIC, OTHER_PUBLIC])
    client = a_client((), certificates.ca, resolver=resolver, connect=internet.connect)

    assert await refusal(client.get("https://idp.example.com/")) is OutboundRule.CERTIFICATE
    assert internet.connections == [(PUBLIC, 443)]


async def test_an_authority_that_nobody_named_is_not_believed(server: Server, tmp_path: Path) -> None:
    stranger = Certificates(tmp_path / "stranger")

    for bundle in (None, stranger.ca):
        assert await refusal(a_client([server.target], bundle).get(server.url)) is OutboundRule.CERTIFICATE
    assert server.requests == []


async def test_the_bundle_adds_to_the_authorities_of_the_system(
    server: Server, certificates: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))  # where OpenSSL finds those of this system
    other = Certificates(tmp_path / "other")

    assert (await a_client([server.target], other.ca).get(server.url)).status == 200


async def test_a_version_of_tls_before_1_2_is_not_spoken(certificates: Certificates) -> None:
    tls, elder = server_tls(certificates), ssl.create_default_context(cafile=certificates.ca)
    for context in (tls, elder):
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        tls.maximum_version = ssl.TLSVersion.TLSv1_1
    server = Server()
    async with running(server, tls):
        _, writer = await asyncio.open_connection(LOOPBACK, server.port, ssl=elder)
        assert writer.get_extra_info("ssl_object").version() == "TLSv1.1"
        writer.transport.abort()
        assert await failure(a_client([server.target], certificates.ca).get(server.url))
    assert server.requests == []


async def test_a_server_without_tls_is_not_spoken_to(certificates: Certificates) -> None:
    server = Server()
    async with running(server, None):
        client = GuardedHttpClient([server.target], certificates.ca, deadline_seconds=SHORT_SECONDS)
        assert await failure(client.get(server.url))
    assert server.requests == []


# --- what a server may answer -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_a_redirect_is_not_followed(client: GuardedHttpClient, server: Server, status: str) -> None:
    server.script = saying(answer(b"", f"Location: http://{METADATA}/latest/meta-data/\r\n", status))

    found = await client.post_form(server.url, {"code": "c"})

    assert found.status == int(status[:3])
    assert server.connections == 1


@pytest.mark.parametrize("framing", ["length", "chunks"])
async def test_a_body_of_1_mib_is_read_and_not_a_byte_more(
    client: GuardedHttpClient, server: Server, framing: str
) -> None:
    def whole(size: int) -> bytes:
        if framing == "length":
            return answer(b"x" * size)
        return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (size, b"x" * size)

    server.script = saying(whole(MAX_BODY_BYTES))
    assert len((await client.get(server.url)).body) == 1_048_576

    server.script = saying(whole(MAX_BODY_BYTES + 1))
    assert await refusal(client.get(server.url)) is OutboundRule.SIZE


async def test_a_body_that_says_it_is_too_large_is_not_waited_for(client: GuardedHttpClient, server: Server) -> None:
    async def announce(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await saying(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1))(reader, writer)
        await nothing(reader, writer)

    server.script = announce

    assert await refusal(client.get(server.url)) is OutboundRule.SIZE


async def test_a_body_without_end_is_cut_off(client: GuardedHttpClient, server: Server) -> None:
    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        await flood(writer, b"1000\r\n" + b"x" * 4096 + b"\r\n")

    server.script = pour

    assert await refusal(client.get(server.url)) is OutboundRule.SIZE


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "zstd", "identity, gzip", "x-unknown"])
async def test_a_compressed_answer_is_refused_before_it_is_read(
    client: GuardedHttpClient, server: Server, encoding: str
) -> None:
    """A bomb: small on the wire, and too large unpacked."""
    bomb = gzip.compress(bytes(16 * MAX_BODY_BYTES), compresslevel=1)
    assert len(bomb) < MAX_BODY_BYTES
    server.script = saying(answer(bomb, f"Content-Encoding: {encoding}\r\n"))

    assert await refusal(client.get(server.url)) is OutboundRule.ENCODING


@pytest.mark.parametrize("encodings", [("identity", "gzip"), ("gzip", "identity")])
async def test_an_encoding_hides_behind_no_other_one(
    client: GuardedHttpClient, server: Server, encodings: tuple[str, str]
) -> None:
    server.script = saying(answer(b"", "".join(f"Content-Encoding: {encoding}\r\n" for encoding in encodings)))

    assert await refusal(client.get(server.url)) is OutboundRule.ENCODING


async def test_an_answer_that_says_it_is_as_it_is_is_read(client: GuardedHttpClient, server: Server) -> None:
    server.script = saying(answer(b"{}", "Content-Encoding: identity\r\n"))

    assert (await client.get(server.url)).body == b"{}"


async def test_headers_have_a_bound(client: GuardedHttpClient, server: Server) -> None:
    server.script = saying(
        answer(head="".join(f"X-{i}: {'y' * 1000}\r\n" for i in range(MAX_HEADER_BYTES // 1000 + 1)))
    )

    with pytest.raises(Unavailable):
        await client.get(server.url)


@pytest.mark.parametrize(
    "piece", [b"X: y\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"], ids=["endless headers", "endless interim answers"]
)
async def test_what_precedes_the_body_has_an_end(client: GuardedHttpClient, server: Server, piece: bytes) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not piece.startswith(b"HTTP"):
            writer.write(b"HTTP/1.1 200 OK\r\n")
        await flood(writer, piece * 1000)

    server.script = babble

    with pytest.raises(Unavailable):
        await client.get(server.url)


async def test_a_body_in_crumbs_is_not_put_together(client: GuardedHttpClient, server: Server) -> None:
    """Within every bound on bytes, each crumb costs as much time as a kilobyte."""
    crumbs = b"1\r\nx\r\n" * (MAX_PIECES + 1)
    server.script = saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + crumbs + b"0\r\n\r\n")

    assert await refusal(client.get(server.url)) is OutboundRule.SIZE


async def test_what_wraps_the_body_has_an_end(client: GuardedHttpClient, server: Server) -> None:
    """A megabyte of body may come in pieces, not each in a kilobyte of paper."""
    piece = b"1;%b\r\nx\r\n" % (b"p" * 1000)
    pieces = MAX_READ_BYTES // len(piece) + 1
    server.script = saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + piece * pieces + b"0\r\n\r\n")

    assert await refusal(client.get(server.url)) is OutboundRule.SIZE


@pytest.mark.parametrize(
    "what",
    [
        b"",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nwhole, or cut off?",
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 99 No\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x00" * 100,
    ],
)
async def test_half_an_answer_is_none(client: GuardedHttpClient, server: Server, what: bytes) -> None:
    server.script = saying(what)

    assert await failure(client.get(server.url))


# --- time and numbers -------------------------------------------------------------------------------------------------


async def test_a_body_that_drips_ends_with_the_deadline(hasty: GuardedHttpClient, server: Server) -> None:
    """Each byte is in time; all of them are not."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(SHORT_SECONDS / 10)

    server.script = drip

    await expect_lateness(hasty.get(server.url))


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"])
async def test_a_server_that_falls_silent_is_not_waited_for(
    hasty: GuardedHttpClient, server: Server, begun: bytes
) -> None:
    async def fall_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await saying(begun)(reader, writer)
        await nothing(reader, writer)

    server.script = fall_silent

    await expect_lateness(hasty.get(server.url))


async def test_a_server_that_never_shakes_hands_is_not_waited_for(certificates: Certificates) -> None:
    server = Server()
    async with running(server, None):
        server_is_left = server.closed
        client = GuardedHttpClient([server.target], certificates.ca, deadline_seconds=SHORT_SECONDS)
        await expect_lateness(client.get(server.url))
        async with asyncio.timeout(PATIENCE_SECONDS):
            await server_is_left.wait()


async def test_a_server_that_reads_nothing_is_not_waited_for(hasty: GuardedHttpClient, server: Server) -> None:
    """More than the buffers on the way hold."""
    may_wake = asyncio.Event()

    async def sleep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await may_wake.wait()

    server.reads_bodies, server.script = False, sleep

    await expect_lateness(hasty.post_form(server.url, {"field": "x" * 20_000_000}))
    may_wake.set()


async def test_a_name_server_that_never_answers_is_not_waited_for() -> None:
    client = GuardedHttpClient(resolver=SilentResolver(), deadline_seconds=SHORT_SECONDS)

    await expect_lateness(client.get("https://idp.example.com/"))


async def expect_lateness(call: Awaitable[object]) -> None:
    began = time.monotonic()
    assert "no answer within" in await failure(call)
    # Not at once, for another reason; event loops round their timers.
    assert time.monotonic() - began >= SHORT_SECONDS / 2


async def test_so_many_call_at_once_so_many_wait_and_the_next_are_turned_away(
    server: Server, certificates: Certificates
) -> None:
    both_ask, may_answer = asyncio.Event(), asyncio.Event()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(server.requests) == 2:
            both_ask.set()
        await may_answer.wait()
        await saying(answer())(reader, writer)

    server.script = wait
    client = GuardedHttpClient([server.target], certificates.ca, deadline_seconds=PATIENCE_SECONDS, max_calls=2)
    calls = [asyncio.create_task(client.get(server.url)) for _ in range(2 + MAX_WAITING)]
    await both_ask.wait()

    with pytest.raises(Overloaded):
        await client.get(server.url)

    assert server.connections == 2
    may_answer.set()
    assert {call.status for call in await asyncio.gather(*calls)} == {200}


async def test_waiting_for_a_place_is_part_of_the_time(server: Server, certificates: Certificates) -> None:
    server.script = nothing
    client = GuardedHttpClient([server.target], certificates.ca, deadline_seconds=SHORT_SECONDS, max_calls=1)

    await asyncio.gather(*(expect_lateness(client.get(server.url)) for _ in range(5)))


async def test_a_caller_who_goes_away_leaves_no_connection_and_a_free_place(
    server: Server, certificates: Certificates
) -> None:
    client = a_client([server.target], certificates.ca, max_calls=1)
    asked = asyncio.Event()

    async def note_and_wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await nothing(reader, writer)

    server.script = note_and_wait
    call = asyncio.create_task(client.get(server.url))
    await asked.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    async with asyncio.timeout(PATIENCE_SECONDS):
        await server.closed.wait()

    server.script = saying(answer())
    assert (await client.get(server.url)).status == 200


async def test_where_nobody_listens_there_is_no_answer(certificates: Certificates) -> None:
    with socket.socket() as unused:
        unused.bind((LOOPBACK, 0))
        target = OutboundTarget(LOOPBACK, unused.getsockname()[1])
        client = a_client([target], certificates.ca)
        assert "ConnectionRefusedError" in await failure(client.get(f"https://{target}/"))


async def test_a_refusal_tells_the_log_neither_path_nor_query(client: GuardedHttpClient, server: Server) -> None:
    server.script = saying(b"")

    reason = await failure(client.get(f"{server.url}hook/secret-of-the-path?token=secret-of-the-query"))

    assert str(server.target) in reason
    assert "secret" not in reason


# --- names ------------------------------------------------------------------------------------------------------------


async def test_the_system_knows_localhost() -> None:
    resolver = SystemResolver()

    assert ip_address(LOOPBACK) in await resolver.resolve(OutboundTarget("localhost", 443))
    resolver.close()


async def test_a_name_without_address_is_unavailable() -> None:
    def unknown(*_: Any, **__: Any) -> list[tuple[Any, ...]]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    resolver = SystemResolver(unknown)

    assert "idp.example.com" in await failure(resolver.resolve(OutboundTarget("idp.example.com", 443)))
    resolver.close()


async def test_the_scope_of_an_answer_is_kept_and_each_address_is_named_once() -> None:
    stream = (socket.SOCK_STREAM, 6, "")
    answers: list[tuple[Any, ...]] = [
        (socket.AF_INET6, *stream, ("fe80::1", 443, 0, 2)),
        (socket.AF_INET6, *stream, (OTHER_PUBLIC, 443, 0, 0)),
        (socket.AF_INET, *stream, (PUBLIC, 443)),
        (socket.AF_INET, *stream, (PUBLIC, 443)),
    ]
    resolver = SystemResolver(lambda *_, **__: answers)

    found = await resolver.resolve(OutboundTarget("idp.example.com", 443))

    assert [str(address) for address in found] == ["fe80::1%2", OTHER_PUBLIC, PUBLIC]
    resolver.close()


async def test_lookups_that_hang_have_an_end_and_hold_up_nobody_else() -> None:
    """The system's resolver cannot be interrupted; its threads are few, and only ours."""
    may_answer = threading.Event()

    def hang(*_: Any, **__: Any) -> list[tuple[Any, ...]]:
        may_answer.wait(PATIENCE_SECONDS)
        return []

    client = GuardedHttpClient(
        resolver=SystemResolver(hang), deadline_seconds=SHORT_SECONDS, max_calls=WORKERS + QUEUE + 1
    )
    calls = [client.get(f"https://idp-{number}.example.com/") for number in range(WORKERS + QUEUE + 1)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes].count(Overloaded) == 1
    assert [type(outcome) for outcome in outcomes].count(Unavailable) == WORKERS + QUEUE
    assert await asyncio.get_running_loop().getaddrinfo("localhost", 443)
    may_answer.set()
    client.close()


async def test_a_closed_client_sends_nothing_more(client: GuardedHttpClient, server: Server) -> None:
    client.close()

    assert "closed" in await failure(client.get(server.url))
    assert server.connections == 0


async def test_a_closed_resolver_resolves_nothing_more() -> None:
    resolver = SystemResolver()
    resolver.close()

    assert "closed" in await failure(resolver.resolve(OutboundTarget("localhost", 443)))
