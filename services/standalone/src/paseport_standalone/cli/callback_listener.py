"""The loopback address that a browser comes back to (RFC 8252 §7.3)."""

from __future__ import annotations

import hmac
import queue
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from paseport_standalone.cli.errors import CommandFailed
from paseport_standalone.ports import HOST

PATH: Final = "/callback"
_WAIT_SECONDS: Final = 300.0
_PAGE: Final = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Paseport</title></head>'
    "<body><h1>{title}</h1><p>{text}</p></body></html>"
)


class CallbackListener:
    """Waits on a free port of this machine for the one answer that carries ``state``.

    Whatever else comes is told so and ends nothing: any page of any site can send a browser here.
    """

    def __init__(self, state: str) -> None:
        self._answers: queue.Queue[Mapping[str, str]] = queue.Queue()
        # Browsers open connections that they use later, or never: each is waited for by a thread of its own.
        self._server = ThreadingHTTPServer((HOST, 0), _handler(state, self._answers))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def redirect_uri(self) -> str:
        """Where the browser is to be sent."""
        return f"http://{HOST}:{self._server.server_port}{PATH}"

    def wait(self) -> Mapping[str, str]:
        """Return the parameters of the answer. Raises ``CommandFailed`` after five minutes without one."""
        try:
            return self._answers.get(timeout=_WAIT_SECONDS)
        except queue.Empty:
            raise CommandFailed("timed_out", "Nobody signed in within five minutes.") from None

    def __enter__(self) -> CallbackListener:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.socket.close()


def _handler(state: str, answers: queue.Queue[Mapping[str, str]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10.0

        def do_GET(self) -> None:
            target = urlsplit(self.path)
            if target.path != PATH:
                self._show(404, "Nothing here", "The command line waits at another address.")
                return
            pairs = parse_qsl(target.query, keep_blank_values=True)
            answer = dict(pairs)
            named_once = len(answer) == len(pairs)
            if not named_once or not hmac.compare_digest(answer.get("state", "").encode(), state.encode()):
                self._show(400, "Not this sign-in", "The command line has not asked for this. It still waits.")
                return
            self._show(200, "Back to the command line", "You can close this page. The command line says how it went.")
            answers.put(answer)

        def _show(self, status: int, title: str, text: str) -> None:
            page = _PAGE.format(title=title, text=text).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(page)))
            # The address holds the code: neither kept nor passed on.
            self.send_header("Cache-Control", "no-store")
            self.send_header("Referrer-Policy", "no-referrer")
            self.send_header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - the name is the base class's
            """Say nothing: requests hold codes."""

    return Handler
