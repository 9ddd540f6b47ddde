"""Serving two applications on two sockets until a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from typing import Final

import uvicorn
from litestar.types import ASGIApp

_GRACEFUL_SECONDS: Final = 5
"""How long requests under way may take to end after a signal."""

LINGER_SECONDS: Final = 5.0
"""For ``serve`` behind an edge: longer than it keeps an idle connection (docker/nginx: 4 s)."""

_LOOK_SECONDS: Final = 0.02
_BACKLOG: Final = 2048
_YOUNG_OBJECTS: Final = 10_000
"""How many make the collector look. Ten requests reach Python's own figure, 700, and leave no cycles behind."""
_END_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, linger_seconds: float) -> None:
        super().__init__(config)
        self._linger_seconds = linger_seconds

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Signals belong to the process: each of two servers would take them from the other.
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._linger_seconds:
            await self._linger(sockets or [])
        await super().shutdown(sockets)

    async def _linger(self, sockets: list[socket.socket]) -> None:
        for server in self.servers:
            server.close()
        for listener in sockets:
            listener.close()
        self.server_state.default_headers = [*self.server_state.default_headers, (b"connection", b"close")]
        end = time.monotonic() + self._linger_seconds
        while True:  # uvicorn keeps a set, and tells nobody when somebody leaves it
            if not self.server_state.connections or time.monotonic() >= end:
                return
            await asyncio.sleep(_LOOK_SECONDS)


async def serve(
    listeners: Sequence[tuple[ASGIApp, socket.socket]], stop: asyncio.Event, *, linger_seconds: float = 0
) -> None:
    """Serve each application on its socket until ``stop`` is set, then let requests under way end.

    A service that closes an idle connection may do so while a request is on its way there, which then has no answer and
    must not be repeated by whoever sent it. So who is connected is served for up to ``linger_seconds`` more, nobody new
    is, and each answer asks to close the connection.

    The sockets listen already and are closed at the end. Lifespans belong to the caller.
    """
    servers = [_server(app, linger_seconds) for app, _ in listeners]
    async with asyncio.TaskGroup() as group:
        for server, (_, listener) in zip(servers, listeners, strict=True):
            group.create_task(server.serve(sockets=[listener]))
        await stop.wait()
        for server in servers:
            server.should_exit = True


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 takes any free one. ``OSError`` where it cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG, reuse_port=False)


def stop_on_signals(stop: asyncio.Event) -> None:
    """Set ``stop`` at SIGINT or SIGTERM; a second one ends the process as if nobody had listened."""
    loop = asyncio.get_running_loop()

    def end() -> None:
        stop.set()
        for number in _END_SIGNALS:
            loop.remove_signal_handler(number)

    for number in _END_SIGNALS:
        loop.add_signal_handler(number, end)


def spare_what_lasts() -> None:
    """Let the garbage collector pass over what is there now. For a process that has built what it serves.

    That lives as long as the process, and a busy one would look through all of it again and again. What requests hold
    goes by itself when they end, so the collector comes less often, too.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, *gc.get_threshold()[1:])


def _server(app: ASGIApp, linger_seconds: float) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            loop="none",
            http="httptools",
            ws="none",
            interface="asgi3",
            lifespan="off",
            # Nobody stands before this process, so no header may say who connected.
            proxy_headers=False,
            server_header=False,
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=_GRACEFUL_SECONDS,
        ),
        linger_seconds,
    )
