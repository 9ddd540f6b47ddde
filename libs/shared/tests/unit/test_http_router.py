"""Every application takes a copy of a router, and none notices the other."""

import pytest
from litestar import Litestar, get, post, websocket
from litestar.connection import WebSocket
from litestar.testing import TestClient
from paseport_shared.http.router import Router


@get(["/one", "/two"], sync_to_thread=False)
def read() -> str:
    return "read"


@post("/one", sync_to_thread=False)
def write() -> str:
    return "written"


@websocket("/socket")
async def talk(socket: WebSocket) -> None:
    await socket.accept()


def test_two_applications_serve_one_router_with_handlers_of_their_own() -> None:
    router = Router("/api", route_handlers=[read, write])
    apps = [Litestar([router], openapi_config=None) for _ in range(2)]

    for app in apps:
        with TestClient(app) as client:
            assert [client.get(f"/api/{name}").text for name in ("one", "two")] == ["read", "read"]
            assert client.post("/api/one").text == "written"
            assert client.options("/api/one").status_code == 204
    handlers = [{id(handler) for route in app.routes for handler in route.route_handlers} for app in apps]  # type: ignore[attr-defined]
    assert not handlers[0] & handlers[1]


def test_what_cannot_be_copied_so_is_refused_and_not_left_out() -> None:
    router = Router("/api", route_handlers=[read, talk])

    with pytest.raises(TypeError, match="/api/socket"):
        Litestar([router], openapi_config=None)
