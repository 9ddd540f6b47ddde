"""The frame as a whole: lifespan, state, and what never reaches a route."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from http_support import client, service
from litestar import Litestar, Request, get
from litestar.testing import AsyncTestClient


@get("/")
async def show(request: Request[Any, Any, Any]) -> str:
    value: str = request.app.state.greeting
    return value


async def test_the_lifespan_runs_around_the_requests() -> None:
    events: list[str] = []

    @contextlib.asynccontextmanager
    async def background(_: Litestar) -> AsyncIterator[None]:
        events.append("started")
        yield
        events.append("stopped")

    app = service(show, state={"greeting": "hello"}, allowed_hosts=None, lifespan=[background])
    async with AsyncTestClient(app) as anybody:
        events.append((await anybody.get("/")).text)

    assert events == ["started", "hello", "stopped"]


async def test_what_a_request_leaves_in_its_state_is_not_seen_by_the_next() -> None:
    @get("/mark")
    async def mark(request: Request[Any, Any, Any]) -> bool:
        seen = "mark" in request.scope["state"]
        request.scope["state"]["mark"] = True
        return seen

    shared: dict[str, Any] = {}
    app = service(mark)

    async def server_with_one_state(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "state": shared}, receive, send)

    async with client(server_with_one_state) as anybody:
        answers = [(await anybody.get("/mark")).json() for _ in range(2)]

    assert answers == [False, False]
    assert shared == {}


async def test_debug_stays_off_whatever_the_environment_says(monkeypatch: Any) -> None:
    monkeypatch.setenv("LITESTAR_DEBUG", "1")
    monkeypatch.setenv("LITESTAR_PDB", "1")

    app = service(show)

    assert (app.debug, app.pdb_on_exception) == (False, False)


async def test_an_options_request_is_answered_by_the_route_and_changes_nothing() -> None:
    async with client(service(show, state={"greeting": "hello"})) as anybody:
        answer = await anybody.options("/")

    assert (answer.status_code, answer.headers["allow"]) == (204, "GET, OPTIONS")
