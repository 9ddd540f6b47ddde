"""Documents that everybody may read and keep for a while: keys, and what works here.

Whole fleets read them again and again, so they are answered in front of the framework, which would cost three times
as much as the rest of the frame.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import msgspec
from litestar.types import ASGIApp, Receive, Scope, Send

from paseport_shared.http.problem import METHOD_NOT_ALLOWED

_READING: Final = ("GET", "HEAD")
_JSON: Final = (b"content-type", b"application/json")
# Clients that run in browsers of other origins read them, and nobody's cookies change them.
_FOR_EVERYBODY: Final = (b"access-control-allow-origin", b"*")


@dataclass(frozen=True, slots=True)
class PublicDocument:
    """One document. ``render`` returns its JSON text, or raises ``Unavailable``; the rest describes it."""

    name: str
    summary: str
    shape: type[msgspec.Struct]
    render: Callable[[], Awaitable[bytes]]
    max_age: timedelta


class ServeDocuments:
    """ASGI middleware: answers for the paths of ``documents``, and leaves everything else to ``app``."""

    def __init__(self, app: ASGIApp, documents: Mapping[str, PublicDocument]) -> None:
        self._app = app
        self._documents = documents
        self._headers = {
            path: (
                _JSON,
                (b"cache-control", f"public, max-age={int(document.max_age.total_seconds())}".encode()),
                _FOR_EVERYBODY,
            )
            for path, document in documents.items()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Raises ``Unavailable``."""
        path = scope["path"]
        document = self._documents.get(path)
        if document is None:
            await self._app(scope, receive, send)
            return
        scope["path_template"] = path  # what the log and the metrics call it
        method = scope.get("method")
        if method not in _READING:
            await METHOD_NOT_ALLOWED.send(scope, send)
            return
        body = await document.render()
        headers = [*self._headers[path], (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body if method == "GET" else b"", "more_body": False})


def describe(documents: Mapping[str, PublicDocument]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the paths of an OpenAPI document for these, and the schemas that the paths refer to."""
    shapes = [document.shape for document in documents.values()]
    references, schemas = msgspec.json.schema_components(shapes, ref_template="#/components/schemas/{name}")
    paths = {
        path: {
            "get": {
                "summary": document.summary.partition(".")[0],
                "description": document.summary,
                "operationId": document.name,
                "responses": {
                    "200": {"description": document.summary, "content": {"application/json": {"schema": reference}}},
                },
                "deprecated": False,
            }
        }
        for (path, document), reference in zip(documents.items(), references, strict=True)
    }
    return paths, schemas
