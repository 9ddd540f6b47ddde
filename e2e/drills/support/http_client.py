"""A keep-alive HTTP/1.1 client that costs little and tells when it asked, when it was answered, and when it was not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

PATIENCE_SECONDS: Final = 30.0
"""Longer than any deadline of ours: whoever is not answered by then never will be."""
_KEPT_SECONDS: Final = 3.0
"""How long an idle connection is used again: the services close theirs after 5 s, as a request may be on its way."""


class Lost(Exception):
    """There was no answer: refused, cut or silent. ``was_sent``: somebody may have received the request."""

    def __init__(self, reason: str, *, was_sent: bool) -> None:
        super().__init__(reason)
        self.was_sent = was_sent


@dataclass(frozen=True, slots=True)
class Door:
    """Where requests go: a service itself, or the edge before all of them."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. Header names are in lower case; ``cookies`` are the ``Set-Cookie`` pairs."""

    status: int
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    body: bytes
    sent_at: float
    received_at: float

    def json(self) -> Any:
        """Return the body."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of a problem, or nothing."""
        try:
            problem = self.json()
        except ValueError:
            return ""
        return str(problem.get("code", "")) if isinstance(problem, dict) else ""

    def __str__(self) -> str:
        return f"{self.status} {self.code or self.body[:80]!r} ({self.headers.get('x-request-id')})"


def request(method: str, target: str, headers: Mapping[str, str], body: object = None) -> bytes:
    """Return the bytes of a request; ``body`` is sent as JSON where there is one."""
    payload = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if body is not None:
        lines.append("Content-Type: application/json")
    if method != "GET":
        lines.append(f"Content-Length: {len(payload)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + payload


@dataclass(slots=True)
class Connection:
    """One connection to one door, opened when it is needed, one request at a time."""

    door: Door
    used_at: float = field(default=0.0, init=False)
    _reader: asyncio.StreamReader | None = field(default=None, init=False)
    _writer: asyncio.StreamWriter | None = field(default=None, init=False)

    async def ask(self, message: bytes) -> Answer:
        """Return the answer. Raises ``Lost``."""
        sent_at = time.monotonic()
        was_sent = False
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                reader, writer = await self._open()
                sent_at = time.monotonic()
                was_sent = True
                writer.write(message)
                answer = await _read(reader, sent_at)
        except (OSError, EOFError, TimeoutError) as error:
            await self.close()
            raise Lost(f"{type(error).__name__} {error}", was_sent=was_sent) from None
        except BaseException:
            await self.close()
            raise
        if answer.headers.get("connection", "").lower() == "close":
            await self.close()
        self.used_at = answer.received_at
        return answer

    async def close(self) -> None:
        """Close it; it is opened again when it is needed."""
        writer, self._reader, self._writer = self._writer, None, None
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is None or self._writer is None or self._reader.at_eof():
            await self.close()
            self._reader, self._writer = await asyncio.open_connection(
                self.door.host,
                self.door.port,
                ssl=self.door.tls,
                server_hostname="localhost" if self.door.tls else None,
            )
        return self._reader, self._writer


class Way:
    """The way to a service through one of several doors, as a proxy goes it: a closed door sends on to the next."""

    def __init__(self, doors: Sequence[Door]) -> None:
        self._doors = tuple(doors)
        self._idle: dict[Door, list[Connection]] = {door: [] for door in doors}
        self._turn = 0

    async def ask(self, message: bytes) -> Answer:
        """Return the answer. Raises ``Lost``; a request that may have been received is not sent again."""
        self._turn += 1
        lost = Lost("no door", was_sent=False)
        for number in range(len(self._doors)):
            door = self._doors[(self._turn + number) % len(self._doors)]
            idle = self._idle[door]
            connection = idle.pop() if idle else Connection(door)
            if time.monotonic() - connection.used_at > _KEPT_SECONDS:
                await connection.close()
            try:
                answer = await connection.ask(message)
            except Lost as error:
                lost = error
                if error.was_sent:
                    break
                continue
            idle.append(connection)
            return answer
        raise lost

    async def close(self) -> None:
        """Close what is open."""
        for idle in self._idle.values():
            while idle:
                await idle.pop().close()


async def _read(reader: asyncio.StreamReader, sent_at: float) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
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
    if headers.get("transfer-encoding") == "chunked":
        body = await _read_chunks(reader)
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Answer(int(status.split()[1]), headers, cookies, body, sent_at, time.monotonic())


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readuntil(b"\r\n")
    return body
