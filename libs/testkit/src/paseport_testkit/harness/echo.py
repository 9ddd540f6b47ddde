"""A service behind a proxy that keeps what arrived, byte for byte, and answers with it."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol, Self

from paseport_testkit.harness.ports import HOST, free_port

_BLOCK: Final = 65_536
_BACKLOG: Final = 128


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...

    def readline(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request as the service read it: nothing decoded, nothing joined. Text is Latin-1, one character a byte."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def values(self, name: str) -> tuple[str, ...]:
        """Return every value under exactly this name, in any case."""
        return tuple(value for sent, value in self.headers if sent.lower() == name.lower())


class EchoBackend:
    """An HTTP/1.1 server on loopback. As a context manager it runs inside the block.

    It takes what proxies send as it comes and refuses nothing: whatever gets this far has passed.
    """

    def __init__(self, port: int | None = None) -> None:
        self.host = HOST
        self.port = port or free_port()
        self._lock = threading.Lock()
        self._arrivals: list[Arrival] = []
        self._connections: set[socket.socket] = set()
        self._listener: socket.socket | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def address(self) -> str:
        """Where proxies find it, as ``host:port``."""
        return f"{self.host}:{self.port}"

    def start(self) -> None:
        """Listen; connections are accepted when this returns."""
        self._listener = socket.create_server((self.host, self.port), backlog=_BACKLOG)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def stop(self) -> None:
        """Close everything."""
        listener, self._listener = self._listener, None
        if listener is not None:
            # `close` alone does not wake up a thread that waits in `accept`.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self._lock:
            connections, self._connections = self._connections, set()
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def take(self) -> list[Arrival]:
        """Return what has arrived since the last call."""
        with self._lock:
            arrivals, self._arrivals = self._arrivals, []
        return arrivals

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                self._connections.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as stream:
            while (arrival := _read_request(stream)) is not None:
                with self._lock:
                    self._arrivals.append(arrival)
                connection.sendall(_answer_to(arrival))
        with self._lock:
            self._connections.discard(connection)


def _read_request(stream: _Stream) -> Arrival | None:
    line = stream.readline(_BLOCK)
    if not line.strip():
        return None
    method, _, rest = line.decode("latin-1").rstrip("\r\n").partition(" ")
    target = rest.rpartition(" ")[0]
    headers: list[tuple[str, str]] = []
    while (field := stream.readline(_BLOCK)) not in (b"\r\n", b"\n", b""):
        name, _, value = field.decode("latin-1").rstrip("\r\n").partition(":")
        headers.append((name, value.strip(" \t")))
    return Arrival(method, target, tuple(headers), _read_body(stream, headers))


def _read_body(stream: _Stream, headers: list[tuple[str, str]]) -> bytes:
    fields = {name.lower(): value for name, value in headers}
    if "chunked" in fields.get("transfer-encoding", "").lower():
        body = b""
        while size := int(stream.readline(_BLOCK).partition(b";")[0].strip() or b"0", 16):
            body += stream.read(size)
            stream.readline(_BLOCK)
        while stream.readline(_BLOCK) not in (b"\r\n", b"\n", b""):
            pass
        return body
    length = fields.get("content-length", "")
    return stream.read(int(length)) if length.isdigit() else b""


def _answer_to(arrival: Arrival) -> bytes:
    body = b""
    if arrival.method != "HEAD":
        echoed = {"method": arrival.method, "path": arrival.target, "headers": arrival.headers}
        body = json.dumps(echoed).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
