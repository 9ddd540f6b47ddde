"""One request and its answer over one connection (HTTP/1.1, RFC 9112), with a bound on all that is read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

import h11

from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.ports.outbound import OutboundAnswer, OutboundRefused, OutboundRule

MAX_BODY_BYTES: Final = 1024 * 1024
MAX_HEADER_BYTES: Final = 32 * 1024
# Around the body there may be chunk sizes, trailers and interim answers without end, and each piece costs time.
MAX_READ_BYTES: Final = 2 * MAX_BODY_BYTES
MAX_PIECES: Final = 10_000
_CHUNK_BYTES: Final = 16 * 1024
_WITHOUT_BODY: Final = (204, 304)


async def exchange(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    request: h11.Request,
    body: bytes,
) -> OutboundAnswer:
    """Send a request on a new connection and return the answer once it is here whole.

    The caller sets the deadline and closes the connection. Raises ``OutboundRefused``, ``Unavailable``, ``OSError`` and
    ``h11.RemoteProtocolError``.
    """
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEADER_BYTES)
    for part in (request, h11.Data(data=body), h11.EndOfMessage()):
        writer.write(connection.send(part) or b"")
    await writer.drain()
    read_bytes = pieces = 0
    answer: h11.Response | None = None
    received = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            data = await reader.read(_CHUNK_BYTES)
            read_bytes += len(data)
            if read_bytes > MAX_READ_BYTES:
                raise OutboundRefused(OutboundRule.SIZE, f"more than {MAX_READ_BYTES} bytes around the answer's body")
            connection.receive_data(data)
            continue
        pieces += 1
        if pieces > MAX_PIECES:
            raise OutboundRefused(OutboundRule.SIZE, f"the answer comes in more than {MAX_PIECES} pieces")
        if isinstance(event, h11.Response):
            _check_head(event)
            answer = event
        elif isinstance(event, h11.Data):
            received += event.data
            if len(received) > MAX_BODY_BYTES:
                raise _too_large()
        elif isinstance(event, h11.EndOfMessage) and answer is not None:
            return OutboundAnswer(answer.status_code, _readable(answer.headers), bytes(received))
        elif not isinstance(event, h11.InformationalResponse):
            raise Unavailable("the server ended the connection without an answer")


def _check_head(answer: h11.Response) -> None:
    """Refuse an answer for its head alone, before its body costs anything."""
    values = dict(answer.headers)
    if sum(len(name) + len(value) for name, value in answer.headers) > MAX_HEADER_BYTES:
        raise OutboundRefused(OutboundRule.SIZE, f"the answer's headers have more than {MAX_HEADER_BYTES} bytes")
    # A little that unpacks to a lot would pass a bound on what is read. Nobody was asked to pack anything.
    if any(
        value.strip().lower() not in (b"", b"identity") for name, value in answer.headers if name == b"content-encoding"
    ):
        raise OutboundRefused(OutboundRule.ENCODING, "the answer is compressed")
    if int(values.get(b"content-length", b"0")) > MAX_BODY_BYTES:
        raise _too_large()
    is_framed = b"content-length" in values or b"transfer-encoding" in values
    if not is_framed and answer.status_code not in _WITHOUT_BODY:
        # Whoever can cut the line could choose where such a body ends.
        raise Unavailable("the answer does not say how long it is")


def _too_large() -> OutboundRefused:
    return OutboundRefused(OutboundRule.SIZE, f"the answer's body has more than {MAX_BODY_BYTES} bytes")


def _readable(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("ascii"), raw_value.decode("latin-1")
        if name != "set-cookie":
            found[name] = f"{found[name]}, {value}" if name in found else value
    return found
