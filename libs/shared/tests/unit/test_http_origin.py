"""Cookie routes answer this application and no other site (BF-02, BF-05, BF-08)."""

from typing import Any

import httpx
import pytest
from http_support import BROWSER, ORIGIN, client, problem, service
from litestar import get, post
from litestar.params import JSONBody
from litestar.routes import HTTPRoute
from paseport_shared.http.origin import require_own_origin, requires_own_origin

OTHER_APP = "https://app.example.com"


@post("/cookie", guards=[require_own_origin], status_code=200)
async def set_cookie(data: JSONBody[dict[str, str]]) -> str:
    return "done"


@get("/public")
async def public() -> str:
    return "done"


async def send(headers: list[tuple[str, str]], content: Any = b"{}") -> httpx.Response:
    app = service(set_cookie, public, allowed_origins=(ORIGIN, OTHER_APP))
    async with client(app) as browser:
        return await browser.post("/cookie", content=content, headers=headers)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([("X-CSRF", "1"), ("Origin", ORIGIN)], id="this application"),
        pytest.param([("X-CSRF", "1"), ("Origin", OTHER_APP)], id="a configured one"),
        pytest.param([("X-CSRF", "1"), ("Sec-Fetch-Site", "same-origin")], id="without Origin"),
        pytest.param(
            [("X-CSRF", "1"), ("Origin", OTHER_APP), ("Sec-Fetch-Site", "cross-site")],
            id="Origin before Sec-Fetch-Site",
        ),
    ],
)
async def test_our_own_pages_are_let_in(headers: list[tuple[str, str]]) -> None:
    assert (await send(headers)).text == "done"


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([("Origin", ORIGIN)], id="no X-CSRF"),
        pytest.param([("X-CSRF", ""), ("Origin", ORIGIN)], id="empty X-CSRF"),
        pytest.param([("X-CSRF", "true"), ("Origin", ORIGIN)], id="another X-CSRF"),
        pytest.param([("X-CSRF", "1"), ("X-CSRF", "1"), ("Origin", ORIGIN)], id="two X-CSRF"),
        pytest.param([("X-CSRF", "1")], id="neither Origin nor Sec-Fetch-Site"),
        pytest.param([("X-CSRF", "1"), ("Origin", "null")], id="null"),
        pytest.param([("X-CSRF", "1"), ("Origin", "")], id="empty Origin"),
        pytest.param([("X-CSRF", "1"), ("Origin", "https://evil.example")], id="foreign"),
        pytest.param([("X-CSRF", "1"), ("Origin", f"{ORIGIN}.evil.example")], id="one that begins alike"),
        pytest.param([("X-CSRF", "1"), ("Origin", "http://auth.example.com")], id="plain http"),
        pytest.param([("X-CSRF", "1"), ("Origin", f"{ORIGIN}:8443")], id="another port"),
        pytest.param([("X-CSRF", "1"), ("Origin", f"{ORIGIN}/")], id="trailing slash"),
        pytest.param([("X-CSRF", "1"), ("Origin", ORIGIN), ("Origin", ORIGIN)], id="two Origins"),
        pytest.param(
            [("X-CSRF", "1"), ("Origin", "https://evil.example"), ("Sec-Fetch-Site", "same-origin")],
            id="foreign Origin with Sec-Fetch-Site",
        ),
        pytest.param([("X-CSRF", "1"), ("Sec-Fetch-Site", "same-site")], id="same-site"),
        pytest.param([("X-CSRF", "1"), ("Sec-Fetch-Site", "cross-site")], id="cross-site"),
        pytest.param([("X-CSRF", "1"), ("Sec-Fetch-Site", "none")], id="typed address"),
    ],
)
async def test_everybody_else_is_refused(headers: list[tuple[str, str]]) -> None:
    answer = await send(headers)

    assert (answer.status_code, problem(answer)["code"]) == (403, "origin_refused")


async def test_the_refusal_comes_before_the_body_is_read() -> None:
    pulled = 0

    async def body() -> Any:
        nonlocal pulled
        pulled += 1
        yield b"{"

    answer = await send([("X-CSRF", "1"), ("Origin", "https://evil.example")], body())

    assert (answer.status_code, pulled) == (403, 0)


async def test_a_malformed_body_of_our_own_page_is_malformed() -> None:
    assert (await send(list(BROWSER.items()), b"{")).status_code == 400


def test_guarded_routes_can_be_told_from_others() -> None:
    app = service(set_cookie, public)

    guarded = {
        (method, route.path): requires_own_origin(handler)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for method in handler.http_methods
        if method != "OPTIONS"
    }

    assert guarded == {("POST", "/cookie"): True, ("GET", "/public"): False}
