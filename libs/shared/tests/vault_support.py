"""What the tests of the Vault adapters share: keys of their own, a slow link, and a server that is no Vault."""

import asyncio
import contextlib
import json
import secrets
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from paseport.secret import Secret
from paseport_shared.adapters.vault.access import VaultAccess
from paseport_shared.adapters.vault.token_keeper import AppRole
from paseport_testkit.harness.certificates import Certificates
from paseport_testkit.harness.vault import MOUNT_PATH, Vault


@dataclass(frozen=True)
class TransitKey:
    """A key of one test, and a policy that covers it."""

    vault: Vault
    name: str
    policy: str

    def maker_token(self) -> Secret[str]:
        """A token that may make versions too: more than the issuer is given."""
        return Secret(self.vault.token(policies=(self.policy, self.maker_policy)))

    @property
    def maker_policy(self) -> str:
        return f"makes-versions-of-{self.name}"

    @property
    def latest_version(self) -> int:
        version: int = self.vault.call("GET", f"{MOUNT_PATH}/keys/{self.name}")["data"]["latest_version"]
        return version

    def rotate(self) -> int:
        return self.vault.rotate(self.name)

    def token(self, ttl: str = "1h", *, renewable: bool = True) -> Secret[str]:
        return Secret(self.vault.token(ttl, renewable=renewable, policies=(self.policy,)))

    def app_role(self, ttl: str = "1h", max_ttl: str = "24h") -> AppRole:
        role = f"test-{secrets.token_hex(4)}"
        self.vault.call(
            "POST",
            f"auth/approle/role/{role}",
            {"token_policies": [self.policy], "token_ttl": ttl, "token_max_ttl": max_ttl},
        )
        role_id = self.vault.call("GET", f"auth/approle/role/{role}/role-id")["data"]["role_id"]
        secret_id = self.vault.call("POST", f"auth/approle/role/{role}/secret-id")["data"]["secret_id"]
        return AppRole(role_id, Secret(secret_id))


def create_key(vault: Vault, kind: str = "ed25519") -> TransitKey:
    """Make a key that no other test uses."""
    name = vault.create_key(f"test-{secrets.token_hex(4)}", kind)
    policy = f"signs-with-{name}"
    rules = "\n".join(
        f'path "{path}" {{ capabilities = ["{capability}"] }}'
        for path, capability in (
            (f"{MOUNT_PATH}/sign/{name}", "update"),
            (f"{MOUNT_PATH}/keys/{name}", "read"),
            ("auth/token/lookup-self", "read"),
            ("auth/token/renew-self", "update"),
        )
    )
    vault.call("PUT", f"sys/policies/acl/{policy}", {"policy": rules})
    key = TransitKey(vault, name, policy)
    rule = f'path "{MOUNT_PATH}/keys/{name}/rotate" {{ capabilities = ["update"] }}'
    vault.call("PUT", f"sys/policies/acl/{key.maker_policy}", {"policy": rule})
    return key


# --- a server that answers as it is told --------------------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    """What a client sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What it gets. ``pause_between_bytes`` makes an answer that drips."""

    status: int = 200
    body: bytes = b"{}"
    headers: Sequence[tuple[str, str]] = ()
    pause_between_bytes: float = 0.0

    @classmethod
    def of(cls, answer: object, status: int = 200) -> "Reply":
        return cls(status, json.dumps(answer).encode())


@dataclass
class StubServer:
    """Speaks HTTP like Vault and means something else. ``answer`` may be exchanged; ``requests`` are what it got."""

    answer: Callable[[Request], Awaitable[Reply]]
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    connections: int = 0

    def count(self, path: str) -> int:
        return sum(request.path == path for request in self.requests)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                request = await _read_request(reader)
                self.requests.append(request)
                await _write_reply(writer, await self.answer(request))
        writer.close()


def always(reply: Reply) -> Callable[[Request], Awaitable[Reply]]:
    async def answer(request: Request) -> Reply:
        return reply

    return answer


@contextlib.asynccontextmanager
async def stub_server(
    answer: Callable[[Request], Awaitable[Reply]], tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[StubServer]:
    stub = StubServer(answer)
    async with _listening(stub.serve, tls, host) as port:
        stub.url = f"{'http' if tls is None else 'https'}://{host}:{port}"
        yield stub


async def _read_request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, path, _ = head[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, path, headers, body)


async def _write_reply(writer: asyncio.StreamWriter, reply: Reply) -> None:
    lines = [
        f"HTTP/1.1 {reply.status} Said",
        "Content-Type: application/json",
        f"Content-Length: {len(reply.body)}",
        *(f"{name}: {value}" for name, value in reply.headers),
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    if not reply.pause_between_bytes:
        writer.write(reply.body)
    for byte in reply.body if reply.pause_between_bytes else b"":
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(reply.pause_between_bytes)
    await writer.drain()


def tls_of(certificates: Certificates) -> ssl.SSLContext:
    """A server's side of TLS."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificates.certificate, certificates.key)
    return tls


# --- a slow link --------------------------------------------------------------------------------------------------


@dataclass
class SlowLink:
    """A TCP connection to ``port`` whose answers arrive ``delay_seconds`` late."""

    port: int
    delay_seconds: float = 0.0
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(reader, upstream_writer, late=False))
                both.create_task(self._pump(upstream_reader, writer, late=True))
        except* ConnectionError:
            pass
        finally:
            writer.close()
            upstream_writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, late: bool) -> None:
        while data := await reader.read(65_536):
            if late:
                await asyncio.sleep(self.delay_seconds)
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError


@contextlib.asynccontextmanager
async def slow_link(vault: Vault) -> AsyncIterator[SlowLink]:
    link = SlowLink(vault.port)
    async with _listening(link.serve) as port:
        link.url = f"http://127.0.0.1:{port}"
        yield link


@contextlib.asynccontextmanager
async def _listening(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    tls: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
) -> AsyncIterator[int]:
    """Serve on a free port; at the end every connection is cut, whatever it waits for."""
    serving: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def run() -> None:
            try:
                await serve(reader, writer)
            finally:
                writer.transport.abort()

        serving.add(asyncio.create_task(run()))

    server = await asyncio.start_server(accept, host, 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


# --- waiting ------------------------------------------------------------------------------------------------------


async def until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    """Return once a real server or a background job has come so far. TimeoutError where it never does."""
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - a server tells nobody when it changes
            await asyncio.sleep(0.02)


async def until_idle(access: VaultAccess) -> None:
    """Return once no thread works for a caller who has gone."""
    await until(lambda: access.in_use == 0)
