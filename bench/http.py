"""A keep-alive HTTP/1.1 client that does nothing but ask and count: what it costs is part of every figure."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_ANSWER_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. Header names are in lower case; ``cookies`` are the ``Set-Cookie`` pairs."""

    status: int
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body."""
        return json.loads(self.body)


def request(method: str, target: str, headers: Mapping[str, str], body: object = None) -> bytes:
    """Return the bytes of a request; ``body`` is sent as JSON where there is one."""
    payload = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if body is not None:
        lines.append("Content-Type: application/json")
    if method != "GET":
        lines.append(f"Content-Length: {len(payload)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + payload


class Connection:
    """One connection, one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, message: bytes) -> Answer:
        """Send a request and return its answer. Raises ``TimeoutError`` after 30 seconds."""
        await self.send(message)
        return await self.receive()

    async def send(self, part: bytes) -> None:
        """Send a request, or a part of one."""
        self._writer.write(part)
        await self._writer.drain()

    async def receive(self) -> Answer:
        """Return the answer to what was sent."""
        async with asyncio.timeout(_ANSWER_SECONDS):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            status, *lines = head.rstrip("\r\n").split("\r\n")
            headers: dict[str, str] = {}
            cookies: dict[str, str] = {}
            for line in lines:
                name, _, value = line.partition(":")
                name, value = name.lower(), value.strip()
                if name == "set-cookie":
                    cookie, _, text = value.partition(";")[0].partition("=")
                    cookies[cookie] = text
                headers[name] = value
            body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return Answer(int(status.split()[1]), headers, cookies, body)

    async def close(self) -> None:
        """Close it."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


async def connect(port: int, tls: ssl.SSLContext | None = None) -> Connection:
    """Open a connection to this machine's ``port``. Raises ``OSError``."""
    name = None if tls is None else "localhost"
    return Connection(*await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname=name))


@contextlib.asynccontextmanager
async def connections(port: int, count: int, tls: ssl.SSLContext | None = None) -> AsyncIterator[list[Connection]]:
    """Open several connections and close them with the block."""
    opened = [await connect(port, tls) for _ in range(count)]
    try:
        yield opened
    finally:
        for connection in opened:
            await connection.close()
