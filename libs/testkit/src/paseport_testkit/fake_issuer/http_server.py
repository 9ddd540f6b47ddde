"""As much of HTTP/1.1 as verifiers speak, on a loopback port, in a thread of its own.

In a thread, so that tests of every kind can use it: a test that blocks does not keep the issuer from answering, and no
event loop of a test outlives its test because of it.
"""

from __future__ import annotations

import asyncio
import http
import json
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl, urlsplit

HOST: Final = "127.0.0.1"
_MAX_REQUEST_BYTES: Final = 64 * 1024
_TURNS: Final = 4
_BLANK_LINE: Final = b"\r\n\r\n"
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked, and ``gone``, which is set as soon as nobody waits for the answer any more."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    gone: asyncio.Event


@dataclass(frozen=True, slots=True)
class Response:
    """What is answered."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def json(value: object, status: int = 200, **headers: str) -> Response:
        """Answer a JSON document."""
        return Response(status, json.dumps(value).encode(), {"Content-Type": "application/json", **headers})

    @staticmethod
    def problem(status: int, code: str, headers: Mapping[str, str] | None = None) -> Response:
        """Answer as the issuer refuses (RFC 9457)."""
        body = {"type": "about:blank", "title": http.HTTPStatus(status).phrase, "status": status, "code": code}
        return Response(
            status, json.dumps(body).encode(), {"Content-Type": "application/problem+json", **(headers or {})}
        )


Handle = Callable[[Request], Awaitable[Response | None]]
"""Answer a request. None hangs up without a word."""


class HttpServer:
    """Answers on a free port from ``start`` to ``stop``, all of it in an event loop of its own."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._running: tuple[asyncio.AbstractEventLoop, threading.Thread] | None = None
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that everything of the server happens in. ``RuntimeError`` while it does not run."""
        if self._running is None:
            message = "the fake issuer does not run: use it as a context manager, or call start"
            raise RuntimeError(message)
        return self._running[0]

    def start(self) -> str:
        """Listen; return the address (``http://127.0.0.1:…``)."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="paseport-fake-issuer", daemon=True)
        thread.start()
        self._running = loop, thread
        port: int = self.run(self._listen)
        return f"http://{HOST}:{port}"

    def stop(self) -> None:
        """Hang up on everybody and end the thread. Nothing happens where it does not run."""
        if self._running is None:
            return
        self.run(self._close)
        loop, thread = self._running
        self._running = None
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    def submit(self, work: Callable[[], Coroutine[Any, Any, _Answer]]) -> Future[_Answer]:
        """Begin ``work`` in the server's loop. ``RuntimeError`` while it does not run."""
        loop = self.loop
        return asyncio.run_coroutine_threadsafe(work(), loop)

    def run(self, work: Callable[[], Coroutine[Any, Any, _Answer]]) -> _Answer:
        """Do ``work`` in the server's loop and block until it is done. Not for work that waits for the caller."""
        return self.submit(work).result()

    def hang_up(self) -> None:
        """Close every connection. To be called in the server's loop."""
        for connection in tuple(self._connections):
            connection.close()

    async def _listen(self) -> int:
        self._server = await self.loop.create_server(self._connection, HOST, 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _close(self) -> None:
        if self._server is not None:
            for listening in self._server.sockets:
                self.loop.remove_reader(listening.fileno())
            # Whoever was accepted just now gets a transport first: made for a server that has closed, it would never be
            # closed itself.
            for _ in range(_TURNS):
                await asyncio.sleep(0)
            self._server.close()
        tasks = [connection.answering for connection in self._connections if connection.answering is not None]
        self.hang_up()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # One more round, in which the transports say goodbye.
        await asyncio.sleep(0)

    def _connection(self) -> _Connection:
        return _Connection(self._handle, self._connections)


class _Connection(asyncio.Protocol):
    """One client, one request at a time; a second one that arrives early waits in the buffer."""

    def __init__(self, handle: Handle, open_connections: set[_Connection]) -> None:
        self._handle = handle
        self._open = open_connections
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self._gone = asyncio.Event()
        self.answering: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  what create_server hands out, said to the type checker
        self._transport = transport
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.discard(self)
        self._gone.set()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if len(self._received) > _MAX_REQUEST_BYTES:
            self.close()
        elif self.answering is None:
            self._next()

    def close(self) -> None:
        self._gone.set()
        if self._transport is not None:
            self._transport.close()

    def _next(self) -> None:
        try:
            request = self._take_request()
        except ValueError:
            self.close()
            return
        if request is not None:
            self.answering = asyncio.get_running_loop().create_task(self._answer(request))

    def _take_request(self) -> Request | None:
        """Take a whole request out of the buffer; None while a part is missing, ``ValueError`` if it is none."""
        head, blank, rest = bytes(self._received).partition(_BLANK_LINE)
        if not blank:
            return None
        request_line, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = request_line.split(" ")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        if len(rest) < length:
            return None
        del self._received[: len(head) + len(blank) + length]
        url = urlsplit(target)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        return Request(method, url.path, query, headers, rest[:length], self._gone)

    async def _answer(self, request: Request) -> None:
        response = None
        try:
            response = await self._handle(request)
        finally:
            self.answering = None
            if response is None:
                self.close()
        if response is None or self._gone.is_set() or self._transport is None:
            return
        self._transport.write(_head(response) + response.body)
        self._next()


def _head(response: Response) -> bytes:
    headers = {"Content-Length": str(len(response.body)), **response.headers}
    lines = [f"HTTP/1.1 {response.status} {http.HTTPStatus(response.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode("latin-1") + _BLANK_LINE
