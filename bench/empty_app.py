"""The yardsticks: applications that do nothing, under the product's own server.

``python -m bench.empty_app litestar`` (a handler) or ``asgi`` (no framework) prints its port and serves until a signal.
"""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import uvloop
from litestar import Litestar, get
from litestar.types import ASGIApp, Receive, Scope, Send

from bench.http import request
from bench.workers import serve_on

EMPTY_REQUEST: Final = request("GET", "/", {"Host": "localhost"})

_BODY: Final = b"{}"
_HEADERS: Final = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_BODY))]


@get("/")
async def empty() -> dict[str, str]:
    """Answer as little JSON as there is."""
    return {}


async def empty_asgi(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer the same without a framework."""
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": _BODY, "more_body": False})


@asynccontextmanager
async def _opened(kind: str) -> AsyncIterator[ASGIApp]:
    if kind == "asgi":
        yield empty_asgi
    else:
        yield Litestar([empty], openapi_config=None, logging_config=None)


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(prog="python -m bench.empty_app")
    parser.add_argument("kind", choices=["litestar", "asgi"])
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    uvloop.run(serve_on(arguments.port, partial(_opened, arguments.kind)))


if __name__ == "__main__":
    main()
