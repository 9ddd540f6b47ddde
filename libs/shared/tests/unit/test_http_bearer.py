"""Who is let in by a bearer token, and how the others are told (RFC 6750)."""

import json
from typing import Any

import httpx
import pytest
from http_support import Callers, client, problem, service
from litestar import get, post
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody
from paseport.bearer import refuse
from paseport.principal import Principal
from paseport_shared.domain.errors import (
    AuthenticationRequired,
    AuthError,
    InsufficientRole,
    InsufficientScope,
    InvalidToken,
    Overloaded,
    Unavailable,
)
from paseport_shared.http.bearer import (
    provide_principal,
    require_any_role,
    require_bearer,
    require_role,
    require_scope,
    required_scopes,
)
from paseport_shared.http.problem import problem_of

CHALLENGE = 'Bearer realm="paseport"'


@get("/me", guards=[require_bearer])
async def me(principal: NamedDependency[Principal]) -> dict[str, Any]:
    return {"username": principal.username, "roles": sorted(principal.roles)}


@post("/admin", guards=[require_scope("admin"), require_role("Admin")], status_code=200)
async def admin(principal: NamedDependency[Principal], data: JSONBody[dict[str, str]]) -> str:
    return principal.username


@get("/dashboard", guards=[require_any_role("User", "Admin")])
async def dashboard() -> str:
    return "dashboard"


@get("/forgot")
async def forgot(principal: NamedDependency[Principal]) -> str:
    return principal.username


@get("/public")
async def public() -> str:
    return "public"


@pytest.fixture
def callers() -> Callers:
    return Callers()


def guarded(callers: Callers) -> Any:
    return service(
        me,
        admin,
        dashboard,
        forgot,
        public,
        state={"authenticate_bearer": callers.authenticate},
        dependencies={"principal": Provide(provide_principal, sync_to_thread=False)},
    )


async def send(
    callers: Callers, method: str, path: str, *authorization: bytes, cookie: str = "", **options: Any
) -> httpx.Response:
    headers = [(b"cookie", cookie.encode()), *((b"authorization", value) for value in authorization)]
    async with client(guarded(callers)) as caller:
        return await caller.request(method, path, headers=headers, **options)


# --- the header -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", [b"Bearer", b"bearer", b"BEARER"])
async def test_a_caller_with_a_valid_token_is_let_in(callers: Callers, scheme: bytes) -> None:
    await callers.alice_holds("User")

    answer = await send(callers, "GET", "/me", scheme + b" full")

    assert answer.json() == {"username": "alice", "roles": ["User"]}


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param([], id="no header"),
        pytest.param([b"Basic YWxpY2U6c2VjcmV0"], id="another scheme"),
        pytest.param([b""], id="empty"),
        pytest.param([b"Bearerfull"], id="another scheme that begins alike"),
        pytest.param([b"Bearer\tfull"], id="a tab, which does not end a scheme"),
    ],
)
async def test_a_caller_without_a_token_is_asked_for_one(callers: Callers, authorization: list[bytes]) -> None:
    """TK-01: 401 without an error code."""
    answer = await send(callers, "GET", "/me", *authorization)

    assert (answer.status_code, problem(answer)["code"]) == (401, "authentication_required")
    assert answer.headers["www-authenticate"] == CHALLENGE


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param([b"Bearer unknown"], id="unknown token"),
        pytest.param([b"Bearer full", b"Bearer full"], id="two headers"),
        pytest.param([b"Basic YWxpY2U6c2VjcmV0", b"Bearer full"], id="two schemes"),
        pytest.param([b"Bearer"], id="nothing after the scheme"),
        pytest.param([b"Bearer full full"], id="two words"),
        pytest.param([b"Bearer full, Bearer full"], id="a list"),
        pytest.param([b"Bearer \xffull"], id="no ASCII"),
        pytest.param([b"Bearer f\x00ull"], id="NUL"),
        pytest.param(["Bearer ｆｕｌｌ".encode()], id="full-width"),
        pytest.param([b"Bearer " + b"a" * 60_000], id="60 kB"),
    ],
)
async def test_every_unusable_token_gets_the_same_answer(callers: Callers, authorization: list[bytes]) -> None:
    """TK-11, TK-26: equal but for the request id, and never a 500."""
    await callers.alice_holds("User")

    answer = await send(callers, "GET", "/me", *authorization)

    assert problem(answer) == {
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "detail": "The access token is not valid.",
        "code": "invalid_token",
    }
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize("name", ["access_token", "token", "authorization"])
async def test_a_token_in_the_query_or_in_a_cookie_is_not_seen(callers: Callers, name: str) -> None:
    await callers.alice_holds("User")

    answer = await send(callers, "GET", "/me", params={name: "full"}, cookie=f"{name}=full")

    assert problem(answer)["code"] == "authentication_required"


async def test_an_outage_is_no_verdict_about_the_token(callers: Callers) -> None:
    with callers.outage:
        answer = await send(callers, "GET", "/me", b"Bearer full")

    assert (answer.status_code, problem(answer)["code"]) == (503, "unavailable")
    assert "retry-after" in answer.headers


# --- guards -----------------------------------------------------------------------------------------------------------


async def test_scope_and_role_together_let_an_administrator_in(callers: Callers) -> None:
    await callers.alice_holds("Admin")

    assert (await send(callers, "POST", "/admin", b"Bearer full", content=b"{}")).text == "alice"


async def test_a_missing_scope_is_told_before_a_missing_role(callers: Callers) -> None:
    await callers.alice_holds("User")

    answer = await send(callers, "POST", "/admin", b"Bearer no-admin", content=b"{}")

    assert (answer.status_code, problem(answer)["code"]) == (403, "insufficient_scope")
    assert answer.headers["www-authenticate"] == f'{CHALLENGE}, error="insufficient_scope", scope="admin"'


async def test_a_known_caller_without_the_role_is_refused(callers: Callers) -> None:
    await callers.alice_holds("User")

    answer = await send(callers, "POST", "/admin", b"Bearer full", content=b"{}")

    assert (answer.status_code, problem(answer)["code"]) == (403, "insufficient_role")


async def test_a_token_without_scope_roles_carries_no_role(callers: Callers) -> None:
    await callers.alice_holds("Admin")

    answer = await send(callers, "POST", "/admin", b"Bearer no-roles", content=b"{}")

    assert problem(answer)["code"] == "insufficient_role"


@pytest.mark.parametrize("role", ["User", "Admin"])
async def test_any_of_several_roles_is_enough(callers: Callers, role: str) -> None:
    await callers.alice_holds(role)

    assert (await send(callers, "GET", "/dashboard", b"Bearer full")).text == "dashboard"


@pytest.mark.parametrize("role", ["user", "Administrator", "Guest"])
async def test_other_roles_are_not(callers: Callers, role: str) -> None:
    await callers.alice_holds(role)

    assert (await send(callers, "GET", "/dashboard", b"Bearer full")).status_code == 403


async def test_a_stranger_is_refused_before_the_body_is_looked_at(callers: Callers) -> None:
    pulled = 0

    async def body() -> Any:
        nonlocal pulled
        pulled += 1
        yield b"{"

    answer = await send(callers, "POST", "/admin", content=body())

    assert (answer.status_code, pulled) == (401, 0)


async def test_two_guards_and_the_handler_cost_one_verification(callers: Callers) -> None:
    await callers.alice_holds("Admin")

    await send(callers, "POST", "/admin", b"Bearer full", content=b"{}")

    assert callers.tokens.asked == 1


async def test_a_route_without_a_guard_verifies_nothing(callers: Callers) -> None:
    answer = await send(callers, "GET", "/public", b"Bearer full")

    assert (answer.text, callers.tokens.asked) == ("public", 0)


async def test_a_handler_whose_route_forgot_its_guard_serves_nobody(callers: Callers) -> None:
    await callers.alice_holds("Admin")

    assert (await send(callers, "GET", "/forgot", b"Bearer full")).status_code == 500


def test_a_route_tells_which_scopes_it_asks_for() -> None:
    found = {
        handler.handler_name: required_scopes(handler)
        for route in guarded(Callers()).routes
        for handler in route.route_handlers
        if "OPTIONS" not in handler.http_methods
    }

    assert found == {"me": (), "admin": ("admin",), "dashboard": (), "forgot": None, "public": None}


# --- downstream services ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        AuthenticationRequired("no bearer token"),
        InvalidToken("exp has passed"),
        InsufficientScope("admin"),
        InsufficientRole("needs one of: Admin"),
        Unavailable("rehearsed"),
        Overloaded("queue full"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_downstream_service_refuses_with_the_words_of_our_own(error: AuthError) -> None:
    """But for the request id, which a downstream service does not have."""
    ours, theirs = problem_of(error), refuse(error)
    body = json.loads(ours.body({"type": "http", "state": {}, "headers": []}))
    del body["request_id"]

    assert json.loads(theirs.body) == body
    about_media = {"Content-Type": "application/problem+json", "Cache-Control": "no-store"}
    assert dict(theirs.headers) == about_media | dict(ours.headers)
