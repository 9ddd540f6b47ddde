"""The request id: made here for every request; in every answer, log line and audit event.

An id that a client sends is ignored: it could be that of somebody else's request, or a text that spoils a log.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from paseport_shared.domain.models.identifiers import uuid7

HEADER: Final = "X-Request-Id"
_STATE_KEY: Final = "request_id"


def new_request_id() -> str:
    """Return a UUID version 7: unique, and in the order of arrival wherever ids are sorted."""
    return str(uuid7(datetime.now(UTC), secrets.token_bytes(10)))


def request_id(scope: Scope | Mapping[str, Any]) -> str:
    """Return the id of a request; empty where ``RequestId`` does not run."""
    value: str = scope.get("state", {}).get(_STATE_KEY, "")
    return value


class RequestId:
    """Outermost ASGI middleware: the id in the scope's state, in structlog's context and in the answer's header."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        value = new_request_id()
        # A state of the request's own: not every server copies the one that it keeps for the lifespan.
        scope["state"] = {**scope.get("state", {}), _STATE_KEY: value}
        header = (HEADER.lower().encode(), value.encode())

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), header]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=value):
            await self._app(scope, receive, send_with_id)
