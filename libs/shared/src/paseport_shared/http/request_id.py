"""The request id: one for every request; in every answer, log line and audit event, of every service it reaches.

A public port makes it, and the edge writes down what the answer says. An id that a client sends is ignored: it could be
that of somebody else's request, or a text that spoils a log. The internal port is asked by our own services alone and
takes theirs over (``InternalClient``), so that one search finds a request in both logs.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Mapping
from random import getrandbits
from typing import Any, Final

from litestar.types import ASGIApp, Message, Receive, Scope, Send

from paseport_shared.domain.models.identifiers import parse_uuid
from paseport_shared.request_context import answering

HEADER: Final = "X-Request-Id"
_RAW_HEADER: Final = HEADER.lower().encode()
_STATE_KEY: Final = "request_id"
_VERSION: Final = 7
_COUNTS: Final = tuple(f"{count:03x}" for count in range(0x1000))
_LAST_COUNT: Final = len(_COUNTS) - 1


class _RequestIds:
    """UUIDs of version 7 (RFC 9562 §5.7), those of one millisecond counted up in ``rand_a`` (§6.2, method 1).

    Every request needs one, and spelling all of it anew takes four times as long. Whoever sees one may guess the
    next of the same moment: an id names a request and opens nothing.
    """

    __slots__ = ("_count", "_head", "_moment", "_tail")

    def __init__(self) -> None:
        self._begin(0)

    def __call__(self) -> str:
        moment = time.time_ns() // 1_000_000
        if moment > self._moment:
            self._begin(moment)
        elif self._count == _LAST_COUNT:
            self._begin(self._moment + 1)
        else:
            self._count += 1
        return self._head + _COUNTS[self._count] + self._tail

    def _begin(self, moment: int) -> None:
        # Another process counts in the same millisecond, so each beginning is by chance.
        noise = getrandbits(62)
        self._moment = moment
        self._count = getrandbits(11)
        self._head = f"{moment >> 16:08x}-{moment & 0xFFFF:04x}-{_VERSION}"
        self._tail = f"-{0x8000 | noise >> 48:04x}-{noise & 0xFFFF_FFFF_FFFF:012x}"


new_request_id: Final = _RequestIds()
"""Returns a new id: unique, and in the order of arrival wherever the ids of a process are sorted."""


def request_id(scope: Scope | Mapping[str, Any]) -> str:
    """Return the id of a request; empty where ``RequestId`` does not run."""
    value: str = scope.get("state", {}).get(_STATE_KEY, "")
    return value


class RequestId:
    """Outermost ASGI middleware: the id in the scope's state, in the context of the request and in the answer's header.

    With ``continues``, a request that names one id in our own form keeps it.
    """

    def __init__(self, app: ASGIApp, *, continues: bool = False) -> None:
        self._app = app
        self._continues = continues

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        value = (_sent(scope) if self._continues else None) or new_request_id()
        # A state of the request's own: not every server copies the one that it keeps for the lifespan.
        scope["state"] = {**scope.get("state", {}), _STATE_KEY: value}
        header = (_RAW_HEADER, value.encode())

        def send_with_id(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), header]
            return send(message)

        with answering(value):
            await self._app(scope, receive, send_with_id)


def _sent(scope: Scope) -> str | None:
    """Return the id that the caller sent, if it is in the form of ours, down to the version of the UUID.

    Nothing else gets into a log: AppRole secrets of Vault, for one, are UUIDs too, of version 4.
    """
    sent = [value for name, value in scope["headers"] if name == _RAW_HEADER]
    if len(sent) != 1:
        return None
    text = sent[0].decode("latin-1")
    value = parse_uuid(text)
    return text if value is not None and value.version == _VERSION else None
