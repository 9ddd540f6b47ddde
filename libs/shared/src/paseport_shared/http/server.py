"""Serving two applications on two sockets until a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator, Sequence
from typing import Final

import uvicorn
from litestar.types import ASGIApp

_GRACEFUL_SECONDS: Final = 5
"""How long requests under way may take to end after a signal."""

_BACKLOG: Final = 2048
_END_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Signals belong to the process: each of two servers would take them from the other.
        yield


async def serve(listeners: Sequence[tuple[ASGIApp, socket.socket]], stop: asyncio.Event) -> None:
    """Serve each application on its socket until ``stop`` is set, then let requests under way end.

    The sockets listen already and are closed at the end. Lifespans belong to the caller.
    """
    servers = [_server(app) for app, _ in listeners]
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


def _server(app: ASGIApp) -> _Server:
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
        )
    )
