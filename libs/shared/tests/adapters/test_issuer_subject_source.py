"""The api asks the issuer who a subject is. Only two answers count; every other one refuses."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from paseport import issuer_client
from paseport.issuer_client import open_http_client
from paseport.issuer_subjects import IssuerSubjects
from paseport.secret import Secret
from paseport.subject import SubjectState
from paseport_shared import request_context
from paseport_shared.adapters.issuer.internal_client import PRINCIPALS_PATH, InternalClient
from paseport_shared.domain.errors import Unavailable

ALICE = UUID("01900000-0000-7000-8000-00000000a11c")
PRINCIPAL = {
    "subject": str(ALICE),
    "username": "alice",
    "roles": ["Admin", "User"],
    "enabled": True,
    "version": 3,
    "revision": 9,
}

Handler = Callable[[httpx.Request], Any]


def source(handler: Handler) -> IssuerSubjects:
    client = open_http_client("http://issuer.internal:3010", httpx.MockTransport(handler))
    return IssuerSubjects(InternalClient(client, Secret("the service secret")), PRINCIPALS_PATH)


def answering(status: int, body: object = None, **headers: str) -> IssuerSubjects:
    return source(lambda _: httpx.Response(status, json=body, headers=headers))


async def test_a_known_subject_is_described_as_the_record_knows_it() -> None:
    state = await answering(200, PRINCIPAL).resolve(ALICE)

    assert state == SubjectState(ALICE, "alice", frozenset({"Admin", "User"}), enabled=True, version=3, revision=9)


async def test_the_api_is_told_address_and_name_too() -> None:
    state = await answering(200, PRINCIPAL | {"email": "alice@example.com", "name": "Alice"}).resolve(ALICE)

    assert state is not None
    assert (state.email, state.name) == ("alice@example.com", "Alice")


async def test_an_issuer_that_says_neither_address_nor_name_is_understood() -> None:
    """DT-01, and what a verifier of somebody else's gets."""
    state = await answering(200, PRINCIPAL).resolve(ALICE)

    assert state is not None
    assert (state.email, state.name) == ("", "")


async def test_an_unknown_subject_is_none_when_the_issuer_says_so() -> None:
    assert await answering(404, {"code": "not_found", "status": 404}).resolve(ALICE) is None


async def test_the_api_shows_its_credential_and_asks_for_one_subject() -> None:
    seen: list[httpx.Request] = []

    def issuer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=PRINCIPAL)

    await source(issuer).resolve(ALICE)

    (request,) = seen
    assert (request.method, str(request.url)) == ("POST", "http://issuer.internal:3010/internal/v1/principals")
    assert request.headers["Authorization"] == "Bearer the service secret"
    assert json.loads(request.content) == {"subject": str(ALICE)}
    assert "X-Request-Id" not in request.headers


async def test_what_is_asked_for_a_request_carries_its_id() -> None:
    seen: list[httpx.Request] = []

    def issuer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=PRINCIPAL)

    with request_context.answering("request-1"):
        await source(issuer).resolve(ALICE)
    await source(issuer).resolve(ALICE)

    assert [request.headers.get("X-Request-Id") for request in seen] == ["request-1", None]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, {"detail": "no such route"}),
        (404, None),
        (204, None),
        (401, {"code": "authentication_required"}),
        (403, {"code": "insufficient_scope"}),
        (429, {"code": "too_many_attempts"}),
        (500, {"code": "internal_error"}),
        (503, {"code": "unavailable"}),
        (200, None),
        (200, []),
        (200, {}),
        (200, PRINCIPAL | {"subject": "01900000-0000-7000-8000-000000000b0b"}),
        (200, PRINCIPAL | {"roles": "Admin"}),
        (200, PRINCIPAL | {"roles": ["Admin,User"]}),
        (200, PRINCIPAL | {"enabled": "yes"}),
        (200, PRINCIPAL | {"version": -1}),
        (200, {key: value for key, value in PRINCIPAL.items() if key != "enabled"}),
    ],
)
async def test_any_other_answer_is_unavailable_and_never_an_unknown_subject(status: int, body: object) -> None:
    """A 404 may come from whatever else listens at the address: then nobody has said that there is no such user."""
    with pytest.raises(Unavailable):
        await answering(status, body).resolve(ALICE)


async def test_a_redirect_is_not_followed_since_the_credential_is_for_the_issuer_alone() -> None:
    seen: list[httpx.Request] = []

    def moved(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(307, headers={"Location": "http://elsewhere.example/"})

    with pytest.raises(Unavailable):
        await source(moved).resolve(ALICE)

    assert len(seen) == 1


@pytest.mark.parametrize("fault", [httpx.ConnectError("refused"), httpx.ReadTimeout("late"), RuntimeError("a bug")])
async def test_a_transport_that_fails_is_unavailable(fault: Exception) -> None:
    """Within one process the transport is the issuer's app, and its bugs arrive here as they are."""

    def fail(_: httpx.Request) -> httpx.Response:
        raise fault

    with pytest.raises(Unavailable):
        await source(fail).resolve(ALICE)


async def test_an_issuer_that_never_answers_is_unavailable_after_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuer_client, "DEADLINE_SECONDS", 0.01)

    async def never(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(Unavailable):
        await asyncio.wait_for(source(never).resolve(ALICE), timedelta(seconds=1).total_seconds())


async def test_an_answer_without_end_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuer_client, "MAX_ANSWER_BYTES", 1000)

    with pytest.raises(Unavailable):
        await answering(200, PRINCIPAL | {"username": "a" * 1000}).resolve(ALICE)


async def test_deep_nesting_is_unavailable_and_no_crash() -> None:
    deep = source(lambda _: httpx.Response(200, content=b"[" * 100_000))

    with pytest.raises(Unavailable):
        await deep.resolve(ALICE)
