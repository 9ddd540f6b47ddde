"""A Litestar service behind a verifier."""

from typing import Any

import httpx
import pytest
from downstream import (
    CHALLENGE,
    INVALID_TOKEN,
    Downstream,
    authorization,
    client,
    exchange,
    http_scope,
    websocket_scope,
)
from litestar import Litestar, WebSocket, get, head, post, websocket
from litestar.di import NamedDependency
from litestar.params import JSONBody
from paseport.litestar import PaseportPlugin, require_bearer, require_roles, require_scopes
from paseport.principal import Principal

ran: list[str] = []


@head("/me", guards=[require_bearer])
async def head_me() -> None:
    ran.append("head")


@get("/me", guards=[require_bearer])
async def me(principal: NamedDependency[Principal]) -> dict[str, Any]:
    ran.append("me")
    return {"username": principal.username, "roles": sorted(principal.roles)}


@post(
    "/reports", guards=[require_scopes("reports", "reports:write"), require_roles("Admin", "Auditor")], status_code=200
)
async def write(principal: NamedDependency[Principal], data: JSONBody[dict[str, str]]) -> str:
    ran.append("write")
    return principal.username


@get("/forgot")
async def forgot(principal: NamedDependency[Principal]) -> str:
    ran.append("forgot")
    return principal.username


@get("/public")
async def public() -> str:
    return "public"


@websocket("/stream", guards=[require_bearer])
async def stream(socket: WebSocket, principal: NamedDependency[Principal]) -> None:
    ran.append("stream")
    await socket.accept()
    await socket.send_text(principal.username)
    await socket.close()


@pytest.fixture(autouse=True)
def nobody_yet() -> None:
    ran.clear()


def service(downstream: Downstream) -> Litestar:
    return Litestar(
        [me, head_me, write, forgot, public, stream], plugins=[PaseportPlugin(downstream)], openapi_config=None
    )


async def send(downstream: Downstream, method: str, path: str, *values: str | bytes, **options: Any) -> httpx.Response:
    async with client(service(downstream)) as caller:
        return await caller.request(method, path, headers=authorization(*values), **options)


async def test_a_caller_with_a_good_token_reaches_the_handler(downstream: Downstream) -> None:
    await downstream.alice_holds("User")

    answer = await send(downstream, "GET", "/me", f"Bearer {downstream.token()}")

    assert answer.json() == {"username": "alice", "roles": ["User"]}


async def test_a_caller_without_a_token_is_asked_for_one(downstream: Downstream) -> None:
    """TK-01."""
    answer = await send(downstream, "GET", "/me")

    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, CHALLENGE)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "authentication_required"


async def test_every_unusable_token_gets_the_same_answer(downstream: Downstream) -> None:
    """TK-11, TK-26."""
    await downstream.alice_holds("User")
    good = f"Bearer {downstream.token()}"

    answers = [await send(downstream, "GET", "/me", f"Bearer {bad}") for bad in downstream.bad_tokens().values()]
    answers += [await send(downstream, "GET", "/me", b"Bearer \xff"), await send(downstream, "GET", "/me", good, good)]

    assert {(answer.status_code, answer.content, answer.headers["www-authenticate"]) for answer in answers} == {
        (401, answers[0].content, INVALID_TOKEN)
    }
    assert ran == []


async def test_an_outage_lets_nobody_through_and_says_when_to_come_back(downstream: Downstream) -> None:
    with downstream.keys_down:
        answer = await send(downstream, "GET", "/me", f"Bearer {downstream.token()}")

    assert (answer.status_code, answer.headers["retry-after"], ran) == (503, "1", [])


async def test_a_missing_scope_is_told_before_a_missing_role(downstream: Downstream) -> None:
    await downstream.alice_holds("User")

    answer = await send(downstream, "POST", "/reports", f"Bearer {downstream.token('roles', 'reports')}", content=b"{}")

    challenge = f'{CHALLENGE}, error="insufficient_scope", scope="reports reports:write"'
    assert (answer.status_code, answer.headers["www-authenticate"], ran) == (403, challenge, [])


@pytest.mark.parametrize(("role", "status"), [("Admin", 200), ("Auditor", 200), ("User", 403), ("admin", 403)])
async def test_one_of_the_roles_is_enough_and_another_is_not(downstream: Downstream, role: str, status: int) -> None:
    await downstream.alice_holds(role)
    token = downstream.token("roles", "reports", "reports:write")

    answer = await send(downstream, "POST", "/reports", f"Bearer {token}", content=b"{}")

    assert (answer.status_code, ran) == (status, ["write"] if status == 200 else [])


async def test_a_role_that_was_taken_away_is_gone_with_the_next_request(downstream: Downstream) -> None:
    """P3: the token stays the same."""
    token = downstream.token("roles", "reports", "reports:write")
    await downstream.alice_holds("Admin", revision=1)
    before = await send(downstream, "POST", "/reports", f"Bearer {token}", content=b"{}")

    await downstream.alice_holds("User", revision=2)
    after = await send(downstream, "POST", "/reports", f"Bearer {token}", content=b"{}")

    assert (before.status_code, after.status_code) == (200, 403)


async def test_a_stranger_is_refused_before_the_body_is_looked_at(downstream: Downstream) -> None:
    pulled = 0

    async def body() -> Any:
        nonlocal pulled
        pulled += 1
        yield b"{"

    answer = await send(downstream, "POST", "/reports", content=body())

    assert (answer.status_code, pulled) == (401, 0)


async def test_guards_and_handler_cost_one_verification_and_a_public_route_none(downstream: Downstream) -> None:
    await downstream.alice_holds("Admin")
    token = downstream.token("roles", "reports", "reports:write")

    await send(downstream, "POST", "/reports", f"Bearer {token}", content=b"{}")
    assert downstream.asked == 1
    assert (await send(downstream, "GET", "/public", f"Bearer {token}")).text == "public"
    assert downstream.asked == 1


async def test_a_handler_whose_route_forgot_its_guard_serves_nobody(downstream: Downstream) -> None:
    await downstream.alice_holds("Admin")

    answer = await send(downstream, "GET", "/forgot", f"Bearer {downstream.token()}")

    assert (answer.status_code, ran) == (500, [])


@pytest.mark.filterwarnings("ignore::litestar.exceptions.LitestarWarning")
async def test_a_guard_without_the_plugin_serves_nobody(downstream: Downstream) -> None:
    @get("/", guards=[require_bearer])
    async def handler() -> str:
        ran.append("handler")
        return ""

    async with client(Litestar([handler], openapi_config=None)) as caller:
        answer = await caller.get("/", headers=authorization(f"Bearer {downstream.token()}"))

    assert (answer.status_code, ran) == (500, [])


@pytest.mark.parametrize("fault", [KeyError, TimeoutError, RecursionError], ids=["key", "timeout", "recursion"])
async def test_a_fault_of_the_verifier_lets_nobody_through(
    downstream: Downstream, monkeypatch: pytest.MonkeyPatch, fault: type[Exception]
) -> None:
    """FA-07."""

    async def fail(*_: object) -> Any:
        raise fault("rehearsed")

    monkeypatch.setattr(downstream.keys, "get", fail)

    answer = await send(downstream, "GET", "/me", f"Bearer {downstream.token()}")

    assert (answer.status_code, ran) == (500, [])
    assert "rehearsed" not in answer.text


async def test_a_websocket_is_asked_for_its_token_during_the_handshake(downstream: Downstream) -> None:
    await downstream.alice_holds("User")
    app = service(downstream)

    good = await exchange(app, websocket_scope(f"Bearer {downstream.token()}".encode(), path="/stream"))
    assert [message["type"] for message in good.sent] == ["websocket.accept", "websocket.send", "websocket.close"]
    for values in ([], [b"Bearer junk"]):
        bad = await exchange(app, websocket_scope(*values, path="/stream"))
        assert [message["type"] for message in bad.sent] == ["websocket.close"]

    assert ran == ["stream"]


async def test_the_verifier_runs_as_long_as_the_app(downstream: Downstream) -> None:
    async with service(downstream).lifespan():
        assert downstream.events == ["verifier started"]

    assert downstream.events == ["verifier started", "verifier closed"]


async def test_a_failed_start_is_closed_and_ends_the_app(
    downstream: Downstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = downstream.start

    async def fail() -> None:
        await start()
        raise OSError("rehearsed")

    monkeypatch.setattr(downstream, "start", fail)

    with pytest.raises(ExceptionGroup) as ended:
        async with service(downstream).lifespan():
            ran.append("served")
    assert (ended.group_contains(OSError, match="rehearsed"), ran) == (True, [])
    assert downstream.events == ["verifier started", "verifier closed"]


async def test_the_answer_to_head_is_that_to_get_without_its_body(downstream: Downstream) -> None:
    app = service(downstream)

    get_me, head_me = [await exchange(app, http_scope(method=method, path="/me")) for method in ("GET", "HEAD")]

    assert (head_me.headers, head_me.body) == (get_me.headers, b"")
    assert get_me.headers["content-length"] == str(len(get_me.body))
