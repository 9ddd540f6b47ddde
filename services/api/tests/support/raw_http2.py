"""An HTTP/2 client that sends the fields it is given, as they are, over TLS connections that it keeps."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from typing import Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, ResponseReceived, StreamEnded, StreamReset
from h2.exceptions import H2Error
from raw_http import TIMEOUT_SECONDS, KeptConnection, RawAnswer

Fields = Sequence[tuple[bytes, bytes]]
"""A request's fields in their order, those whose name begins with a colon included (RFC 9113 §8.3.1)."""

_BLOCK: Final = 65_536


class RawHttp2Client(KeptConnection):
    """One connection at a time to one port, one request at a time on it; a new one whenever the peer has enough."""

    def __init__(self, host: str, port: int, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        super().__init__(host, port, timeout_seconds=timeout_seconds)
        self._tls.set_alpn_protocols(["h2"])
        self._http2 = H2Connection()

    def send(self, fields: Fields, body: bytes = b"") -> RawAnswer:
        """Send a request and return its answer. A kept connection that has ended meanwhile is replaced once.

        ``RawAnswer.status`` is 0 where the stream was reset, the connection closed, or nothing more came in time.
        """
        fresh = self._connection is None
        answer = self._try(fields, body)
        if answer.status == 0 and not fresh and self._connection is None:
            answer = self._try(fields, body)
        return answer

    def _try(self, fields: Fields, body: bytes) -> RawAnswer:
        try:
            connection = self._connection or self._open()
            stream = self._http2.get_next_available_stream_id()
            self._http2.send_headers(stream, list(fields), end_stream=not body)
            if body:
                self._http2.send_data(stream, body, end_stream=True)
            connection.sendall(self._http2.data_to_send())
            return self._read(connection, stream)
        except (OSError, H2Error):
            self.close()
            return RawAnswer(0)

    def _open(self) -> ssl.SSLSocket:
        connection = self.connect()
        if connection.selected_alpn_protocol() != "h2":
            raise OSError("the peer does not speak HTTP/2")
        # What is sent is hostile: nothing is put right, and nothing is refused.
        self._http2 = H2Connection(
            H2Configuration(
                header_encoding=None,
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
                validate_inbound_headers=False,
            )
        )
        self._http2.initiate_connection()
        return connection

    def _read(self, connection: ssl.SSLSocket, stream: int) -> RawAnswer:
        status, headers, body = 0, dict[str, str](), b""
        while True:
            received = connection.recv(_BLOCK)
            if not received:
                self.close()
                return RawAnswer(0)
            for event in self._http2.receive_data(received):
                if isinstance(event, ConnectionTerminated):
                    self.close()
                    return RawAnswer(status, headers, body)
                match event:
                    case ResponseReceived(stream_id=of) if of == stream:
                        headers = {
                            bytes(name).decode("latin-1"): bytes(value).decode("latin-1")
                            for name, value in event.headers
                        }
                        status = int(headers.pop(":status"))
                    case DataReceived(stream_id=of) if of == stream:
                        body += event.data
                        self._http2.acknowledge_received_data(event.flow_controlled_length, stream)
                    case StreamEnded(stream_id=of) | StreamReset(stream_id=of) if of == stream:
                        connection.sendall(self._http2.data_to_send())
                        return RawAnswer(status, headers, body)
            connection.sendall(self._http2.data_to_send())
