"""Who may read answers across origins (BF-07, TE-20)."""

from typing import Any

import pytest
from http_support import ORIGIN, client, service
from litestar import Response, get, put

APP = "https://app.example.com"
FOREIGN = ["https://evil.example", "null", "https://app.example.com.evil.example", "http://app.example.com", f"{APP}/"]


@get("/")
async def read() -> Response[str]:
    return Response("read", headers={"Vary": "Accept"})


@put("/")
async def write() -> str:
    return "written"


def app() -> Any:
    return service(read, write, cors_origins=(APP,), allowed_origins=(ORIGIN, APP))


def cors_headers(answer: Any) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


async def test_a_configured_origin_may_read_with_credentials() -> None:
    async with client(app()) as browser:
        answer = await browser.get("/", headers={"Origin": APP})

    assert cors_headers(answer)["access-control-allow-origin"] == APP
    assert cors_headers(answer)["access-control-allow-credentials"] == "true"
    assert "ETag" in cors_headers(answer)["access-control-expose-headers"]


@pytest.mark.parametrize("origin", FOREIGN)
async def test_a_foreign_origin_is_never_reflected(origin: str) -> None:
    async with client(app()) as browser:
        answer = await browser.get("/", headers={"Origin": origin})

    assert cors_headers(answer) == {}


@pytest.mark.parametrize("origin", FOREIGN)
async def test_a_foreign_preflight_grants_nothing(origin: str) -> None:
    async with client(app()) as browser:
        answer = await browser.options("/", headers={"Origin": origin, "Access-Control-Request-Method": "PUT"})

    assert cors_headers(answer) == {}


async def test_the_preflight_of_a_configured_origin_allows_what_the_app_sends() -> None:
    async with client(app()) as browser:
        answer = await browser.options("/", headers={"Origin": APP, "Access-Control-Request-Method": "PUT"})

    assert answer.status_code == 204
    assert cors_headers(answer) == {
        "access-control-allow-origin": APP,
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "GET, POST, PUT, PATCH, DELETE",
        "access-control-allow-headers": "Authorization, Content-Type, If-Match, X-CSRF",
        "access-control-max-age": "600",
    }


async def test_a_refusal_is_readable_for_a_configured_origin() -> None:
    async with client(app()) as browser:
        answer = await browser.get("/unknown", headers={"Origin": APP})

    assert (answer.status_code, cors_headers(answer)["access-control-allow-origin"]) == (404, APP)


@pytest.mark.parametrize("origin", [APP, FOREIGN[0], None])
async def test_caches_keep_answers_apart_and_the_handlers_own_vary_stays(origin: str | None) -> None:
    async with client(app()) as browser:
        answer = await browser.get("/", headers={} if origin is None else {"Origin": origin})

    assert answer.headers.get_list("vary") == ["Accept", "Origin"]


async def test_without_configured_origins_there_is_no_cors() -> None:
    async with client(service(read)) as browser:
        simple = await browser.get("/", headers={"Origin": ORIGIN})
        preflight = await browser.options("/", headers={"Origin": APP, "Access-Control-Request-Method": "GET"})

    assert cors_headers(simple) == cors_headers(preflight) == {}
