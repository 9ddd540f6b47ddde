"""Headers that every answer has."""

import pytest
from http_support import client, service
from litestar import Response, get

EXPECTED = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


@get("/")
async def show() -> str:
    return "shown"


@get("/keys")
async def keys() -> Response[str]:
    return Response("keys", headers={"Cache-Control": "public, max-age=60"})


@get("/bug")
async def bug() -> None:
    raise ValueError("bug")


@pytest.mark.parametrize("path", ["/", "/bug", "/unknown"])
async def test_every_answer_is_protected_errors_included(path: str) -> None:
    async with client(service(show, bug)) as anybody:
        answer = await anybody.get(path)

    assert EXPECTED.items() <= dict(answer.headers).items()


async def test_a_refused_host_gets_the_same_headers() -> None:
    async with client(service(show)) as anybody:
        answer = await anybody.get("/", headers={"Host": "evil.example"})

    assert EXPECTED.items() <= dict(answer.headers).items()


async def test_a_handler_that_allows_caching_is_left_alone() -> None:
    async with client(service(keys)) as anybody:
        answer = await anybody.get("/keys")

    assert answer.headers.get_list("cache-control") == ["public, max-age=60"]


@pytest.mark.parametrize(("https", "expected"), [(True, "max-age=63072000"), (False, None)])
async def test_https_is_remembered_where_there_is_https(https: bool, expected: str | None) -> None:
    async with client(service(show, https=https)) as anybody:
        answer = await anybody.get("/")

    assert answer.headers.get("strict-transport-security") == expected
