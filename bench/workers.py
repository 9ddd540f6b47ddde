"""Small servers to measure: they serve as the product serves, share a port with their like, and say which it is."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

from litestar.types import ASGIApp
from paseport_shared.http.server import serve, spare_what_lasts, stop_on_signals

_HOST: Final = "127.0.0.1"
_BACKLOG: Final = 2048


async def serve_on(port: int, opened: Callable[[], AbstractAsyncContextManager[ASGIApp]]) -> None:
    """Open an application, print the port, and serve until a signal. Port 0 takes any free one.

    Several processes may have one port: the kernel deals the connections out among them.
    """
    stop = asyncio.Event()
    stop_on_signals(stop)
    with socket.create_server((_HOST, port), backlog=_BACKLOG, reuse_port=True) as listener:
        async with opened() as app:
            spare_what_lasts()
            sys.stdout.write(f"{listener.getsockname()[1]}\n")
            sys.stdout.flush()
            await serve([(app, listener)], stop)
