"""Refusals on the wire: RFC 9457 ``application/problem+json`` with a stable ``code`` and the request id.

``PROBLEMS`` is the one table from domain error to answer. A service that has errors of its own hands a larger table to
``ServiceApp``. An error without a row, like every other exception, is a 500 without detail: its cause goes to the log.
Nothing that the client sent is repeated in an answer.
"""

from __future__ import annotations

import asyncio
import enum
import math
from collections.abc import Awaitable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, SerializationException, ValidationException
from litestar.types import ASGIApp, ExceptionHandlersMap, Message, Receive, Scope, Send

from paseport_shared.domain import errors
from paseport_shared.domain.errors import AuthError, FieldProblem
from paseport_shared.http.field_problems import InvalidBody, explain_violation
from paseport_shared.http.request_id import request_id

MEDIA_TYPE: Final = "application/problem+json"
CHALLENGE: Final = 'Bearer realm="paseport"'
BASIC_CHALLENGE: Final = 'Basic realm="paseport", charset="UTF-8"'

_log = structlog.get_logger(__name__)

# `type` is about:blank, so `title` is the status' own phrase (RFC 9457 §4.2.1). http.HTTPStatus spells some of them
# differently from one Python to the next.
_TITLES: Final = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    412: "Precondition Failed",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    428: "Precondition Required",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
}


class Challenge(enum.Enum):
    """What ``WWW-Authenticate`` says (RFC 6750 §3)."""

    NONE = enum.auto()
    SIGN_IN = enum.auto()
    """No credential was presented: the challenge alone, without an error code."""
    INVALID_TOKEN = enum.auto()
    INSUFFICIENT_SCOPE = enum.auto()
    REAUTHENTICATION = enum.auto()
    """The token is good, the sign-in behind it too old (RFC 9470 §3)."""
    BASIC = enum.auto()
    """Id and secret are asked for (RFC 7617), where no token counts."""


@dataclass(frozen=True, slots=True)
class Row:
    """How an error is answered. Code and sentence come from the error itself."""

    status: int
    challenge: Challenge = Challenge.NONE


PROBLEMS: Final[Mapping[type[AuthError], Row]] = {
    errors.InvalidRequest: Row(400),
    errors.UnclearRequest: Row(400),
    errors.UnlistedHost: Row(400),
    errors.OriginRefused: Row(403),
    errors.ValidationFailed: Row(422),
    errors.WeakPassword: Row(422),
    errors.AuthenticationRequired: Row(401, Challenge.SIGN_IN),
    errors.InvalidCredentials: Row(401, Challenge.SIGN_IN),
    errors.InvalidToken: Row(401, Challenge.INVALID_TOKEN),
    errors.InvalidGrant: Row(400),
    errors.InvalidAuthorizationCode: Row(400),
    errors.InvalidClient: Row(401, Challenge.BASIC),
    errors.UnauthorizedClient: Row(400),
    errors.UnsupportedGrantType: Row(400),
    errors.InvalidScope: Row(400),
    errors.InvalidTarget: Row(400),
    errors.RequestNotForClient: Row(400),
    errors.AuthorizationRefused: Row(400),
    errors.UnknownTransaction: Row(404),
    errors.InvalidResetToken: Row(400),
    errors.ReauthenticationRequired: Row(401, Challenge.REAUTHENTICATION),
    errors.UnknownProvider: Row(400),
    errors.UnknownSignIn: Row(400),
    errors.ProviderDeclined: Row(400),
    errors.ProviderAnswerRefused: Row(400),
    errors.ProviderUnavailable: Row(502),
    errors.ExternalSignInRefused: Row(403),
    errors.IdentityTaken: Row(409),
    errors.IdentityNotLinked: Row(403),
    errors.LastCredential: Row(409),
    errors.InsufficientScope: Row(403, Challenge.INSUFFICIENT_SCOPE),
    errors.InsufficientRole: Row(403),
    errors.NotFound: Row(404),
    errors.AlreadyExists: Row(409),
    errors.LastAdmin: Row(409),
    errors.BuiltInAccount: Row(409),
    errors.BuiltInClient: Row(409),
    errors.TooManySecrets: Row(409),
    errors.KeyNotReady: Row(409),
    errors.KeyVersionNotPermitted: Row(409),
    errors.PreconditionRequired: Row(428),
    errors.PreconditionFailed: Row(412),
    errors.TooManyAttempts: Row(429),
    errors.Unavailable: Row(503),
    errors.Overloaded: Row(503),
    errors.RecordedNotInForce: Row(503),
}

# What the framework itself refuses: status → code and sentence. Its own sentences repeat paths and query strings.
_FRAMEWORK: Final = {
    404: ("not_found", errors.NotFound.public),
    405: ("method_not_allowed", "This method is not supported here."),
    413: ("payload_too_large", "The request body is too large."),
    415: ("unsupported_media_type", "This content type is not supported here."),
}


class ProblemField(msgspec.Struct, frozen=True):
    """One refused field: where, a stable code, and a sentence for the person who filled it in."""

    field: str
    code: str
    message: str


class ProblemResponse(msgspec.Struct, frozen=True):
    """The body of every refusal outside the OAuth endpoints (RFC 9457). ``code`` is stable; people read ``detail``.

    ``not_before`` is when the same request will be possible, where that is known to the second.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[ProblemField] | msgspec.UnsetType = msgspec.UNSET
    not_before: datetime | msgspec.UnsetType = msgspec.UNSET


@dataclass(frozen=True, slots=True)
class Problem:
    """An answer that refuses; ``headers`` are in addition to those that every refusal has."""

    status: int
    code: str
    detail: str
    fields: tuple[FieldProblem, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    not_before: datetime | None = None

    def body(self, scope: Scope) -> bytes:
        """Return the JSON text for this request."""
        fields = [ProblemField(problem.field, problem.code, problem.message) for problem in self.fields]
        return msgspec.json.encode(
            ProblemResponse(
                type="about:blank",
                title=_TITLES.get(self.status, "Error"),
                status=self.status,
                detail=self.detail,
                code=self.code,
                request_id=request_id(scope),
                errors=fields or msgspec.UNSET,
                not_before=self.not_before or msgspec.UNSET,
            )
        )

    async def send(self, scope: Scope, send: Send) -> None:
        """Answer with it, for plain ASGI code in front of the framework."""
        body = self.body(scope)
        headers = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            *((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in self.headers),
        ]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        is_head = scope.get("method") == "HEAD"
        await send({"type": "http.response.body", "body": b"" if is_head else body, "more_body": False})

    def response(self, scope: Scope) -> Response[bytes]:
        """Return it as the framework's answer."""
        headers = {**dict(self.headers), "Cache-Control": "no-store"}
        return Response(self.body(scope), status_code=self.status, media_type=MEDIA_TYPE, headers=headers)


METHOD_NOT_ALLOWED: Final = Problem(405, *_FRAMEWORK[405])
INTERNAL_ERROR: Final = Problem(500, "internal_error", "Something went wrong here. The request id helps to find it.")


def problem_of(error: AuthError, rows: Mapping[type[AuthError], Row] = PROBLEMS) -> Problem:
    """Return the answer to a domain error: the row of its class, or of the nearest base class that has one."""
    row = next((rows[cls] for cls in type(error).__mro__ if cls in rows), None)
    if row is None:
        return INTERNAL_ERROR
    not_before = error.not_before if isinstance(error, errors.KeyNotReady) else None
    return Problem(row.status, error.code, error.public, _fields(error), tuple(_headers(error, row)), not_before)


def _fields(error: AuthError) -> tuple[FieldProblem, ...]:
    if isinstance(error, errors.ValidationFailed | InvalidBody):
        return error.problems
    if isinstance(error, errors.AlreadyExists):
        return (FieldProblem(error.field, error.code, error.public),)
    if isinstance(error, errors.KeyVersionNotPermitted):
        return (FieldProblem("create", error.code, f"Run: {error.command}"),)
    return ()


def _headers(error: AuthError, row: Row) -> Iterator[tuple[str, str]]:
    match row.challenge:
        case Challenge.NONE:
            pass
        case Challenge.SIGN_IN:
            yield "WWW-Authenticate", CHALLENGE
        case Challenge.INVALID_TOKEN:
            # One description for every cause: it must not tell a bad signature from an expired token (TK-26).
            description = errors.InvalidToken.public
            yield "WWW-Authenticate", f'{CHALLENGE}, error="invalid_token", error_description="{description}"'
        case Challenge.INSUFFICIENT_SCOPE:
            scope = error.required if isinstance(error, errors.InsufficientScope) else ""
            yield "WWW-Authenticate", f'{CHALLENGE}, error="insufficient_scope", scope="{scope}"'
        case Challenge.REAUTHENTICATION:
            max_age = error.max_age // timedelta(seconds=1) if isinstance(error, errors.ReauthenticationRequired) else 0
            yield "WWW-Authenticate", f'{CHALLENGE}, error="insufficient_user_authentication", max_age="{max_age}"'
        case Challenge.BASIC:
            yield "WWW-Authenticate", BASIC_CHALLENGE
    retry_after = getattr(error, "retry_after", None)
    if isinstance(retry_after, timedelta):
        yield "Retry-After", str(max(math.ceil(retry_after.total_seconds()), 1))


# --- exceptions, inside the framework and in front of it ----------------------------------------------------------


def exception_handlers(rows: Mapping[type[AuthError], Row] = PROBLEMS) -> ExceptionHandlersMap:
    """Return the handlers that render every exception of a Litestar app."""

    def render(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
        return explain(error, rows).response(request.scope)

    return {Exception: render}


class RenderProblems:
    """ASGI middleware: answers what is raised in front of the framework, and what escapes it."""

    def __init__(self, app: ASGIApp, rows: Mapping[type[AuthError], Row] = PROBLEMS) -> None:
        self._app = app
        self._rows = rows

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. After the answer has begun an exception goes to the server, which cuts the connection."""
        started = False

        def watched_send(message: Message) -> Awaitable[None]:
            nonlocal started
            started = True
            return send(message)

        try:
            await self._app(scope, receive, watched_send)
        except asyncio.CancelledError:
            # The server ends what outlasts its own end, and would call that an internal error.
            if not started:
                await problem_of(errors.Unavailable("the service ended first"), self._rows).send(scope, send)
            raise
        except Exception as error:
            problem = explain(error, self._rows)
            if started:
                raise
            await problem.send(scope, send)


def explain(error: Exception, rows: Mapping[type[AuthError], Row] = PROBLEMS) -> Problem:
    """Return the answer to any exception, and log why it was refused."""
    if isinstance(error, AuthError):
        problem = problem_of(error, rows)
    elif isinstance(error, HTTPException) and error.status_code < 500:
        error = _in_our_words(error)
        problem = problem_of(error, rows) if isinstance(error, AuthError) else _problem_of_framework(error)
    elif isinstance(error, SerializationException):
        error = errors.InvalidRequest("the body cannot be decoded")
        problem = problem_of(error, rows)
    else:
        problem = INTERNAL_ERROR

    if problem is INTERNAL_ERROR:
        _log.error("internal_error", exc_info=error)
    else:
        log = _log.warning if problem.status in (502, 503) else _log.info
        log("refused", code=problem.code, status=problem.status, reason=getattr(error, "reason", problem.code))
    return problem


def _in_our_words(error: HTTPException) -> HTTPException | AuthError:
    if isinstance(error, ValidationException):
        return _validation_error(error)
    if error.status_code in _FRAMEWORK:
        return error
    return errors.InvalidRequest(f"refused by the framework with status {error.status_code}")


def _problem_of_framework(error: HTTPException) -> Problem:
    code, detail = _FRAMEWORK[error.status_code]
    allow = next((value for name, value in (error.headers or {}).items() if name.lower() == "allow"), None)
    return Problem(error.status_code, code, detail, headers=(("Allow", allow),) if allow else ())


def _validation_error(error: ValidationException) -> AuthError:
    """Return what a handler's arguments lack: a body is malformed (400), a parameter is unacceptable (422)."""
    entries: list[Any] = error.extra if isinstance(error.extra, list) else []
    if not entries or any(entry.get("source") == "body" for entry in entries):
        return errors.InvalidRequest("the request does not fit the handler's arguments")
    return errors.ValidationFailed(
        [explain_violation(str(entry.get("message", "")), str(entry.get("key", ""))) for entry in entries]
    )
