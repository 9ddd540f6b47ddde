"""An HTTP/1.1 client that sends what it is given, byte for byte, over TLS connections that it keeps."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import BinaryIO, Final, Self

TIMEOUT_SECONDS: Final = 5.0
_BLOCK: Final = 65_536


@dataclass(frozen=True)
class RawAnswer:
    """``status`` 0: the connection was closed, or nothing more came in time."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class KeptConnection:
    """One TLS connection at a time to one port, whose certificate nobody looks at; closed when the block ends."""

    def __init__(self, host: str, port: int, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._address = (host, port)
        self._timeout = timeout_seconds
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._tls.check_hostname = False
        self._tls.verify_mode = ssl.CERT_NONE
        self._connection: ssl.SSLSocket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        connection, self._connection = self._connection, None
        with contextlib.suppress(OSError):
            if connection is not None:
                connection.close()

    def connect(self, server_name: str = "app.example.com") -> ssl.SSLSocket:
        plain = socket.create_connection(self._address, self._timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection = self._tls.wrap_socket(plain, server_hostname=server_name)
        return self._connection


class RawClient(KeptConnection):
    """One connection at a time to one port; a new one whenever the peer closes or an answer cannot be followed."""

    def __init__(self, host: str, port: int, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        super().__init__(host, port, timeout_seconds=timeout_seconds)
        self._stream: BinaryIO | None = None
        self.connections = 0

    def send(self, request: bytes, *, server_name: str = "app.example.com") -> RawAnswer:
        """Send bytes and return the first final answer. A kept connection that has ended meanwhile is replaced once."""
        fresh = self._connection is None
        answer = self._try(request, server_name)
        if answer.status == 0 and not fresh:
            answer = self._try(request, server_name)
        return answer

    def close(self) -> None:
        stream, self._stream = self._stream, None
        with contextlib.suppress(OSError):
            if stream is not None:
                stream.close()
        super().close()

    def _try(self, request: bytes, server_name: str) -> RawAnswer:
        try:
            if self._connection is None:
                self._stream = self.connect(server_name).makefile("rb")
                self.connections += 1
            assert self._connection is not None
            self._connection.sendall(request)
            answer, is_kept = self._read(is_head=request.startswith(b"HEAD "))
        except (OSError, ValueError, IndexError):
            answer, is_kept = RawAnswer(0), False
        if not is_kept:
            self.close()
        return answer

    def _read(self, *, is_head: bool) -> tuple[RawAnswer, bool]:
        assert self._stream is not None
        while True:
            line = self._stream.readline(_BLOCK)
            if not line:
                return RawAnswer(0), False
            version, status = line.split(b" ", 2)[:2]
            headers: dict[str, str] = {}
            while (field := self._stream.readline(_BLOCK)) not in (b"\r\n", b"\n", b""):
                name, _, value = field.decode("latin-1").partition(":")
                headers[name.strip().lower()] = value.strip()
            if not status.startswith(b"1"):
                break
        number = int(status)
        is_kept = version == b"HTTP/1.1" and headers.get("connection", "").lower() != "close"
        if is_head or number in (204, 304):
            return RawAnswer(number, headers), is_kept
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = b""
            while size := int(self._stream.readline(_BLOCK), 16):
                body += self._stream.read(size)
                self._stream.readline(_BLOCK)
            self._stream.readline(_BLOCK)
            return RawAnswer(number, headers, body), is_kept
        if "content-length" in headers:
            return RawAnswer(number, headers, self._stream.read(int(headers["content-length"]))), is_kept
        return RawAnswer(number, headers, self._stream.read()), False


def request(
    target: str | bytes,
    *,
    method: str = "GET",
    host: str | None = "app.example.com",
    headers: Iterable[tuple[str, str]] = (),
    version: str = "HTTP/1.1",
    body: bytes = b"",
) -> bytes:
    """Return the bytes of a request; text is Latin-1, and nothing is checked or completed but the length of a body."""
    raw = target if isinstance(target, bytes) else target.encode("latin-1")
    lines = [method.encode("latin-1") + b" " + raw + b" " + version.encode()]
    if host is not None:
        lines.append(b"Host: " + host.encode("latin-1"))
    lines += [f"{name}: {value}".encode("latin-1") for name, value in headers]
    if body:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body])
