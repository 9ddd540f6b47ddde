"""Refusals on the wire (RFC 9457), from the table to the bytes."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from http_support import client, problem, service
from litestar import get, post
from litestar.exceptions import HTTPException, InternalServerException, NotAuthorizedException
from litestar.params import FromQuery
from litestar.types import Receive, Scope, Send
from paseport_shared.domain import errors
from paseport_shared.domain.errors import AuthError, FieldProblem
from paseport_shared.http.problem import BASIC_CHALLENGE, INTERNAL_ERROR, PROBLEMS, RenderProblems, Row, problem_of
from structlog.testing import capture_logs

CHALLENGE = 'Bearer realm="paseport"'
CANARY = "canary-5c0ffee"


def every_error(cls: type[AuthError] = AuthError) -> Iterator[type[AuthError]]:
    for subclass in cls.__subclasses__():
        yield subclass
        yield from every_error(subclass)


def example(cls: type[AuthError]) -> AuthError:
    arguments: dict[type[AuthError], tuple[Any, ...]] = {
        errors.ValidationFailed: ([FieldProblem("email", "format", "No.")],),
        errors.WeakPassword: ([FieldProblem("password", "length", "Longer.")],),
        errors.InsufficientScope: ("admin",),
        errors.AlreadyExists: ("email",),
        errors.TooManyAttempts: (timedelta(seconds=30), "limit"),
        errors.AuthorizationRefused: ("invalid_request", "a reason"),
        errors.ReauthenticationRequired: (timedelta(minutes=15), "a reason"),
    }
    return cls(*arguments.get(cls, ("a reason",)))


def raising(error: Exception) -> Any:
    @get("/")
    async def refuse() -> None:
        raise error

    return service(refuse)


async def answer_to(error: Exception) -> Any:
    async with client(raising(error)) as anybody:
        return await anybody.get("/")


# --- the table --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [cls for cls in every_error() if cls.__module__ == errors.__name__])
def test_every_error_of_the_domain_has_a_row_of_its_own(cls: type[AuthError]) -> None:
    assert cls in PROBLEMS


@pytest.mark.parametrize(
    ("cls", "status", "code"),
    [
        (errors.InvalidRequest, 400, "invalid_request"),
        (errors.UnlistedHost, 400, "unlisted_host"),
        (errors.InvalidGrant, 400, "invalid_grant"),
        (errors.InvalidResetToken, 400, "invalid_reset_token"),
        (errors.InvalidCredentials, 401, "invalid_credentials"),
        (errors.AuthenticationRequired, 401, "authentication_required"),
        (errors.InvalidToken, 401, "invalid_token"),
        (errors.ReauthenticationRequired, 401, "reauthentication_required"),
        (errors.UnknownProvider, 400, "unknown_provider"),
        (errors.UnknownSignIn, 400, "unknown_sign_in"),
        (errors.ProviderDeclined, 400, "provider_declined"),
        (errors.ProviderAnswerRefused, 400, "provider_answer_refused"),
        (errors.ProviderUnavailable, 502, "provider_unavailable"),
        (errors.ExternalSignInRefused, 403, "sign_in_refused"),
        (errors.IdentityTaken, 409, "identity_taken"),
        (errors.LastCredential, 409, "last_credential"),
        (errors.InsufficientScope, 403, "insufficient_scope"),
        (errors.InsufficientRole, 403, "insufficient_role"),
        (errors.OriginRefused, 403, "origin_refused"),
        (errors.NotFound, 404, "not_found"),
        (errors.AlreadyExists, 409, "already_exists"),
        (errors.LastAdmin, 409, "last_admin"),
        (errors.BuiltInAccount, 409, "built_in_account"),
        (errors.PreconditionFailed, 412, "precondition_failed"),
        (errors.ValidationFailed, 422, "validation_failed"),
        (errors.WeakPassword, 422, "weak_password"),
        (errors.PreconditionRequired, 428, "precondition_required"),
        (errors.TooManyAttempts, 429, "too_many_attempts"),
        (errors.Unavailable, 503, "unavailable"),
        (errors.Overloaded, 503, "overloaded"),
        (errors.RecordedNotInForce, 503, "recorded_not_in_force"),
    ],
)
def test_status_and_code_are_the_published_ones(cls: type[AuthError], status: int, code: str) -> None:
    found = problem_of(example(cls))

    assert (found.status, found.code) == (status, code)


def test_an_error_without_a_row_is_answered_like_its_base_class() -> None:
    class FeedUnavailable(errors.Unavailable):
        pass

    assert problem_of(FeedUnavailable()).status == 503


def test_an_error_that_no_row_covers_is_a_500_without_detail() -> None:
    assert problem_of(errors.NotFound(), rows={}) == INTERNAL_ERROR


async def test_a_service_can_add_rows_of_its_own() -> None:
    class Teapot(AuthError):
        code = "teapot"
        public = "No coffee."

    @get("/")
    async def brew() -> None:
        raise Teapot("short and stout")

    async with client(service(brew, problems={**PROBLEMS, Teapot: Row(409)})) as anybody:
        answer = await anybody.get("/")

    assert problem(answer)["code"] == "teapot"


# --- the answer -------------------------------------------------------------------------------------------------------


async def test_a_refusal_is_a_problem_with_a_stable_code_and_the_request_id() -> None:
    answer = await answer_to(errors.NotFound("user 7 is unknown"))

    assert problem(answer) == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is nothing here.",
        "code": "not_found",
    }


@pytest.mark.parametrize("cls", list(PROBLEMS))
async def test_the_reason_stands_in_the_log_and_not_in_the_answer(cls: type[AuthError]) -> None:
    """LG-21, TK-26."""
    error = example(cls)
    error.reason = CANARY

    with capture_logs() as log:
        answer = await answer_to(error)

    assert CANARY not in answer.text + repr(answer.headers)
    assert [line["reason"] for line in log if line["event"] == "refused"] == [CANARY]


async def test_refused_fields_are_all_named() -> None:
    fields = [FieldProblem("username", "format", "No spaces."), FieldProblem("email", "format", "No address.")]

    answer = await answer_to(errors.ValidationFailed(fields))

    assert problem(answer)["errors"] == [
        {"field": "username", "code": "format", "message": "No spaces."},
        {"field": "email", "code": "format", "message": "No address."},
    ]


async def test_a_taken_value_names_its_field() -> None:
    assert problem(await answer_to(errors.AlreadyExists("email")))["errors"] == [
        {"field": "email", "code": "already_exists", "message": "This is taken already."}
    ]


@pytest.mark.parametrize("cls", [cls for cls, row in PROBLEMS.items() if row.status == 401])
async def test_every_401_carries_a_challenge(cls: type[AuthError]) -> None:
    """RFC 9110 §15.5.2."""
    challenge = BASIC_CHALLENGE if cls is errors.InvalidClient else CHALLENGE
    assert (await answer_to(example(cls))).headers["www-authenticate"].startswith(challenge)


async def test_a_caller_without_a_credential_gets_a_challenge_without_an_error() -> None:
    """TK-01, RFC 6750 §3."""
    assert (await answer_to(errors.AuthenticationRequired())).headers["www-authenticate"] == CHALLENGE


@pytest.mark.parametrize("reason", ["expired", "signature", "revoked", "subject is disabled"])
async def test_a_refused_token_gets_one_constant_description_whatever_the_cause(reason: str) -> None:
    """TK-26."""
    answer = await answer_to(errors.InvalidToken(reason))

    assert answer.headers["www-authenticate"] == (
        f'{CHALLENGE}, error="invalid_token", error_description="The access token is not valid."'
    )
    assert problem(answer)["detail"] == "The access token is not valid."


async def test_a_known_caller_learns_which_scope_is_missing() -> None:
    answer = await answer_to(errors.InsufficientScope("admin"))

    assert answer.status_code == 403
    assert answer.headers["www-authenticate"] == f'{CHALLENGE}, error="insufficient_scope", scope="admin"'


@pytest.mark.parametrize(
    ("wait", "header"),
    [
        (timedelta(seconds=30), "30"),
        (timedelta(seconds=1, microseconds=1), "2"),
        (timedelta(0), "1"),
        (timedelta(seconds=-5), "1"),
    ],
)
async def test_a_limited_caller_learns_when_to_come_back_in_whole_seconds(wait: timedelta, header: str) -> None:
    """LG-16."""
    assert (await answer_to(errors.TooManyAttempts(wait))).headers["retry-after"] == header


@pytest.mark.parametrize("cls", [cls for cls, row in PROBLEMS.items() if row.status == 503])
async def test_every_503_says_when_to_come_back(cls: type[AuthError]) -> None:
    assert int((await answer_to(cls("down"))).headers["retry-after"]) >= 1


# --- what the framework refuses, and bugs -----------------------------------------------------------------------------


async def test_an_unknown_path_is_a_problem_that_does_not_repeat_it() -> None:
    async with client(service()) as anybody:
        answer = await anybody.get(f"/{CANARY}")

    assert problem(answer)["code"] == "not_found"
    assert CANARY not in answer.text


async def test_a_wrong_method_is_told_the_right_ones() -> None:
    @post("/")
    async def only_post() -> None: ...

    async with client(service(only_post)) as anybody:
        answer = await anybody.get("/")

    assert problem(answer)["code"] == "method_not_allowed"
    assert set(answer.headers["allow"].split(", ")) == {"POST", "OPTIONS"}


async def test_a_refused_media_type_is_a_problem() -> None:
    answer = await answer_to(HTTPException(status_code=415))

    assert problem(answer)["code"] == "unsupported_media_type"


async def test_any_other_refusal_of_the_framework_is_a_malformed_request() -> None:
    answer = await answer_to(NotAuthorizedException(detail=CANARY))

    assert problem(answer)["code"] == "invalid_request"
    assert CANARY not in answer.text


async def test_parameters_that_do_not_convert_are_named_without_their_values() -> None:
    @get("/")
    async def count(limit: FromQuery[int], all_of: FromQuery[bool] = False) -> None: ...

    async with client(service(count)) as anybody:
        answer = await anybody.get("/", params={"limit": CANARY, "all_of": CANARY})

    body = problem(answer)
    assert (body["status"], body["code"]) == (422, "validation_failed")
    assert {field["field"] for field in body["errors"]} == {"limit", "all_of"}
    assert CANARY not in answer.text


async def test_a_missing_parameter_is_a_malformed_request() -> None:
    @get("/")
    async def count(limit: FromQuery[int]) -> None: ...

    async with client(service(count)) as anybody:
        answer = await anybody.get("/")

    assert problem(answer)["code"] == "invalid_request"


@pytest.mark.parametrize("error", [ValueError(CANARY), InternalServerException(CANARY), RecursionError(CANARY)])
async def test_a_bug_is_a_500_without_detail_and_a_log_line_with_its_cause(error: Exception) -> None:
    with capture_logs() as log:
        answer = await answer_to(error)

    assert problem(answer)["code"] == "internal_error"
    assert CANARY not in answer.text
    assert [line["exc_info"] for line in log if line["event"] == "internal_error"] == [error]


async def test_an_exception_after_the_answer_began_goes_to_the_server() -> None:
    async def half_an_answer(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError("cut")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope: Any = {"type": "http", "state": {}}
    with pytest.raises(ValueError, match="cut"):
        await RenderProblems(half_an_answer)(scope, receive, send)

    assert [message["status"] for message in sent] == [200]
