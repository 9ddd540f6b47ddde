"""Refusals of the OAuth endpoints: RFC 6749 §5.2 objects. ``ERRORS`` is the one table from domain error to answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.openapi import ResponseSpec
from litestar.types import ExceptionHandlersMap
from paseport_shared.domain import errors
from paseport_shared.domain.errors import AuthError
from paseport_shared.http.problem import BASIC_CHALLENGE, Problem, explain

ERRORS: Final[Mapping[type[AuthError], tuple[int, str]]] = {
    errors.InvalidRequest: (400, "invalid_request"),
    errors.InvalidClient: (401, "invalid_client"),
    errors.InvalidGrant: (400, "invalid_grant"),
    errors.UnauthorizedClient: (400, "unauthorized_client"),
    errors.UnsupportedGrantType: (400, "unsupported_grant_type"),
    errors.InvalidScope: (400, "invalid_scope"),
    errors.InvalidTarget: (400, "invalid_target"),
    errors.TooManyAttempts: (429, "temporarily_unavailable"),
    errors.Unavailable: (503, "temporarily_unavailable"),
}
_OF_STATUS: Final = {400: "invalid_request", 413: "invalid_request", 415: "invalid_request"}


class OAuthErrorResponse(msgspec.Struct, frozen=True):
    """The body of a refusal (RFC 6749 §5.2). Nothing that the client sent is repeated in it."""

    error: str
    error_description: str


REFUSED: Final = ResponseSpec(OAuthErrorResponse, generate_examples=False, description="A refusal (RFC 6749 §5.2).")


def oauth_exception_handlers() -> ExceptionHandlersMap:
    """Return the handlers of the OAuth endpoints' routes."""

    def render(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        problem = explain(error)
        row = next((ERRORS[cls] for cls in type(error).__mro__ if cls in ERRORS), None)
        if row is None:
            # What the framework refuses by itself, and what nobody expected.
            name = _OF_STATUS.get(problem.status)
            return problem.response(request.scope) if name is None else _answer(problem, problem.status, name)
        status, name = row
        challenge = {"WWW-Authenticate": BASIC_CHALLENGE} if status == 401 else {}
        return _answer(problem, status, name, challenge)

    return {Exception: render}


def _answer(problem: Problem, status: int, name: str, headers: Mapping[str, str] | None = None) -> Response[Any]:
    kept = {key: value for key, value in problem.headers if key == "Retry-After"}
    return Response(
        OAuthErrorResponse(name, problem.detail),
        status_code=status,
        headers={**kept, **(headers or {}), "Cache-Control": "no-store"},
    )
