"""The yardstick of the dashboard: a Litestar handler that does nothing, under the product's own server.

``python -m bench.empty_app`` prints its port and serves until a signal.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Final

import uvloop
from litestar import Litestar, get
from paseport_shared.http.server import serve, stop_on_signals
from paseport_standalone import ports

from bench.http import request

EMPTY_REQUEST: Final = request("GET", "/", {"Host": "localhost"})


@get("/")
async def empty() -> dict[str, str]:
    """Answer as little JSON as there is."""
    return {}


async def _serve() -> None:
    stop = asyncio.Event()
    stop_on_signals(stop)
    with ports.listen(0, "SERVER_PORT") as listener:
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        await serve([(Litestar([empty], openapi_config=None, logging_config=None), listener)], stop)


if __name__ == "__main__":
    uvloop.run(_serve())
