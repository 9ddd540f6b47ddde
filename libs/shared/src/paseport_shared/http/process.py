"""A service as a process of its own: two ports, a log of JSON lines, an orderly end."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass

import structlog
import uvloop

from paseport_shared.domain.errors import Unavailable
from paseport_shared.http.app import ServiceApp
from paseport_shared.http.logging import configure_logging
from paseport_shared.http.server import LINGER_SECONDS, listen, serve, spare_what_lasts, stop_on_signals

_log = structlog.get_logger(__name__)


class CannotStart(Exception):
    """Why a service does not start, in one line that says what to do."""


@dataclass(frozen=True, slots=True)
class ServiceApps:
    """The apps of the two ports. The internal one needs the public one's lifespan to have begun."""

    public: ServiceApp
    internal: ServiceApp


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a service listens and how much it logs."""

    host: str
    port: int
    internal_port: int
    log_level: str


OpenApps = Callable[[], AbstractAsyncContextManager[ServiceApps]]


def run_service(name: str, listening: Listening, open_apps: OpenApps) -> int:
    """Serve until SIGTERM or SIGINT, then let requests under way end. Returns the exit code."""
    configure_logging(listening.log_level, service=name)
    try:
        # Both ports are taken before anything is opened: a start that cannot succeed leaves nothing behind.
        with _listen(listening, listening.port) as public, _listen(listening, listening.internal_port) as internal:
            uvloop.run(_serve(name, open_apps, public, internal))
    except CannotStart as error:
        return cannot_start(name, str(error))
    except Unavailable as error:
        return cannot_start(name, error.reason)
    return 0


def cannot_start(name: str, *problems: str) -> int:
    """Print why, a line for each problem, and return the exit code."""
    for problem in problems:
        sys.stderr.write(f"paseport {name} cannot start: {problem}\n")
    return 1


def _listen(listening: Listening, port: int) -> socket.socket:
    try:
        return listen(listening.host, port)
    except OSError as error:
        raise CannotStart(f"port {port} of {listening.host} cannot be used: {error.strerror}") from error


async def _serve(name: str, open_apps: OpenApps, public: socket.socket, internal: socket.socket) -> None:
    stop = asyncio.Event()
    stop_on_signals(stop)
    async with AsyncExitStack() as stack:
        apps = await stack.enter_async_context(open_apps())
        for app in (apps.public, apps.internal):
            await stack.enter_async_context(app.lifespan())
        spare_what_lasts()
        _log.info("started", service=name, port=public.getsockname()[1], internal_port=internal.getsockname()[1])
        await serve([(apps.public, public), (apps.internal, internal)], stop, linger_seconds=LINGER_SECONDS)
        _log.info("stopped", service=name)
