"""The yardsticks: applications that do nothing, under the product's own server.

``python -m bench.empty_app litestar`` (a handler), ``asgi`` (no framework) or ``identity`` (no framework, and the
headers of a forward-auth answer) prints its port and serves until a signal.
"""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, cast

import uvloop
from litestar import Litestar, get
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from paseport_api.handlers.forward_auth import identity_headers
from paseport_shared.domain.models.policy import Asker, CredentialKind

from bench.http import request
from bench.workers import serve_on

EMPTY_REQUEST: Final = request("GET", "/", {"Host": "localhost"})

_BODY: Final = b"{}"
_HEADERS: Final = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_BODY))]


_ASKER: Final = Asker(
    CredentialKind.API_KEY,
    subject="01900000-0000-7000-8000-000000000001",
    username="user1",
    roles=frozenset({"User"}),
    scopes=frozenset({"reports"}),
    email="user1@example.com",
    name="User 1",
)
_IDENTITY: Final = [*identity_headers(_ASKER), (b"x-request-id", _ASKER.subject.encode())]


@get("/")
async def empty() -> dict[str, str]:
    """Answer as little JSON as there is."""
    return {}


async def empty_asgi(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer the same without a framework."""
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": _BODY, "more_body": False})


async def empty_identity(scope: Scope, receive: Receive, send: Send) -> None:
    """Let pass, and say who asks, whoever that is."""
    await send(cast(Message, {"type": "http.response.start", "status": 204, "headers": _IDENTITY}))
    await send({"type": "http.response.body", "body": b"", "more_body": False})


@asynccontextmanager
async def _opened(kind: str) -> AsyncIterator[ASGIApp]:
    if kind == "asgi":
        yield empty_asgi
    elif kind == "identity":
        yield empty_identity
    else:
        yield Litestar([empty], openapi_config=None, logging_config=None)


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(prog="python -m bench.empty_app")
    parser.add_argument("kind", choices=["litestar", "asgi", "identity"])
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    uvloop.run(serve_on(arguments.port, partial(_opened, arguments.kind)))


if __name__ == "__main__":
    main()
