"""The OpenAPI documents: JSON alone, no page that loads scripts from elsewhere.

Litestar documents errors in its own shape and cannot know what our guards ask for, so both are written in afterwards:
every operation gets the problem as its ``default`` answer, and the credentials that its guards want.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import Litestar, Request, Response, Router, get
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme
from litestar.routes import BaseRoute, HTTPRoute
from litestar.types import ControllerRouterHandler, Method
from litestar.types.internal_types import PathParameterDefinition

from paseport_shared.http.bearer import required_scopes
from paseport_shared.http.documents import describe
from paseport_shared.http.origin import requires_own_origin
from paseport_shared.http.problem import MEDIA_TYPE, ProblemResponse

DESCRIBES_REFUSALS: Final = "describes_refusals"
"""Option of a handler whose refusals are no problems of ours, and that describes them itself."""

_SECURITY_SCHEMES: Final = {
    "bearer": SecurityScheme(
        type="http", scheme="bearer", bearer_format="PASETO v4.public", description="An access token."
    ),
    "basic": SecurityScheme(type="http", scheme="basic", description="Id and secret of a registered verifier."),
    "cookie": SecurityScheme(
        type="apiKey",
        name="paseport-refresh",
        security_scheme_in="cookie",
        description="The cookies of a sign-in; named __Host-paseport-refresh over https.",
    ),
    "csrf": SecurityScheme(
        type="apiKey",
        name="X-CSRF",
        security_scheme_in="header",
        description="The constant 1, together with this application's Origin.",
    ),
}


def openapi_config(title: str, version: str, path: str, description: str) -> OpenAPIConfig:
    """Return the configuration of a document served at ``path``. Operations are named after their handlers."""
    return OpenAPIConfig(
        title=title,
        version=version,
        description=description,
        openapi_router=_DocumentRouter(path),
        use_handler_docstrings=True,
        operation_id_creator=_operation_id,
        components=Components(security_schemes=dict(_SECURITY_SCHEMES)),
    )


def openapi_document(app: Litestar) -> dict[str, Any]:
    """Return the document of an app that was built with ``openapi_config``."""
    document = app.openapi_schema.to_schema()
    components = document["components"]
    (_,), problem_schemas = msgspec.json.schema_components(
        [ProblemResponse], ref_template="#/components/schemas/{name}"
    )
    components["schemas"] = dict(sorted({**components.get("schemas", {}), **problem_schemas}.items()))
    components["responses"] = {
        "Problem": {
            "description": "A refusal (RFC 9457). `code` is stable; `detail` is for people.",
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemResponse"}}},
        }
    }
    documents = getattr(app, "documents", {})
    if documents:
        paths, schemas = describe(documents)
        for described in paths.values():
            described["get"]["responses"]["default"] = {"$ref": "#/components/responses/Problem"}
        document["paths"] = dict(sorted({**document["paths"], **paths}.items()))
        components["schemas"] = dict(sorted({**components["schemas"], **schemas}.items()))
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            _complete(route, document["paths"].get(route.path_format or "/", {}))
    return document


def _complete(route: HTTPRoute, operations: dict[str, Any]) -> None:
    for handler in route.route_handlers:
        for method in handler.http_methods:
            operation = operations.get(method.lower())
            if operation is None:
                continue
            answers = operation["responses"]
            for status in [status for status, answer in answers.items() if _is_of_framework(answer)]:
                del answers[status]
            answers.get("204", {}).pop("content", None)  # Litestar documents a JSON null; there is no body
            if not handler.opt.get(DESCRIBES_REFUSALS):
                answers["default"] = {"$ref": "#/components/responses/Problem"}
            if security := _security(handler):
                operation["security"] = security


def _is_of_framework(answer: dict[str, Any]) -> bool:
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    return bool(schema.get("required") == ["detail", "status_code"])


def _security(handler: BaseRouteHandler) -> list[dict[str, list[str]]]:
    scopes = required_scopes(handler)
    if scopes is not None:
        return [{"bearer": list(scopes)}]
    return [{"cookie": [], "csrf": []}] if requires_own_origin(handler) else []


def _operation_id(handler: HTTPRouteHandler, _: Method, __: list[str | PathParameterDefinition]) -> str:
    return handler.handler_name


class _DocumentRouter(Router):
    """Serves the document and nothing else.

    Litestar registers its own pages on this router, among them one that answers *every* path of one segment with HTML.
    They are turned away.
    """

    def __init__(self, path: str) -> None:
        self._document = _document_handler(path)
        super().__init__("/", route_handlers=[self._document], include_in_schema=False)

    def register(self, value: ControllerRouterHandler) -> list[BaseRoute]:
        """Register our own handler; leave out any other."""
        return super().register(value) if value is self._document else []


def _document_handler(path: str) -> HTTPRouteHandler:
    rendered: dict[str, bytes] = {}

    @get(path, sync_to_thread=False, include_in_schema=False)
    def read_openapi_document(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Return the OpenAPI document."""
        body = rendered.get(path)
        if body is None:
            body = rendered[path] = msgspec.json.encode(openapi_document(request.app))
        return Response(body, media_type="application/json", headers={"Cache-Control": "no-cache"})

    return read_openapi_document
