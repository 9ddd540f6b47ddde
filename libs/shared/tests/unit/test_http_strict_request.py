"""Bodies are what their schema says, or 400 (LG-03)."""

from typing import Annotated, Any

import msgspec
import pytest
from http_support import client, problem, service
from litestar import post
from litestar.params import JSONBody
from paseport_shared.http.app import MAX_BODY_BYTES

CANARY = "canary-5c0ffee"


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=10)]
    enabled: bool = False
    limit: Annotated[int, msgspec.Meta(ge=1)] = 1
    tags: list[Annotated[str, msgspec.Meta(max_length=3)]] = []


@post("/", status_code=200)
async def take(data: JSONBody[Entry]) -> Entry:
    return data


async def send(body: bytes, **headers: str) -> Any:
    async with client(service(take)) as anybody:
        return await anybody.post("/", content=body, headers={"Content-Type": "application/json", **headers})


async def test_a_body_of_the_right_shape_arrives() -> None:
    answer = await send(b'{"name":"a","enabled":true,"tags":["x"]}')

    assert answer.json() == {"name": "a", "enabled": True, "limit": 1, "tags": ["x"]}


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        (b"{}", "name", "required"),
        (b'{"name":1}', "name", "type"),
        (b'{"name":null}', "name", "type"),
        (b'{"name":["a"]}', "name", "type"),
        (b'{"name":""}', "name", "length"),
        (b'{"name":"a","enabled":"true"}', "enabled", "type"),
        (b'{"name":"a","enabled":1}', "enabled", "type"),
        (b'{"name":"a","limit":"5"}', "limit", "type"),
        (b'{"name":"a","limit":0}', "limit", "range"),
        (b'{"name":"a","tags":["abc","abcd"]}', "tags", "length"),
        (b'{"name":"a","canary-5c0ffee":1}', "", "unknown_field"),
        (b"[]", "", "type"),
        (b"null", "", "type"),
        (b'"canary-5c0ffee"', "", "type"),
    ],
)
async def test_a_field_that_does_not_fit_is_named(body: bytes, field: str, code: str) -> None:
    """LG-03: text is not taken for a boolean or a number, and the client's own words are not repeated."""
    answer = await send(body)

    found = problem(answer)
    assert (found["status"], found["code"]) == (400, "invalid_request")
    assert [(error["field"], error["code"]) for error in found["errors"]] == [(field, code)]
    assert CANARY not in answer.text


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="cut"),
        pytest.param(b'{"name":"a"} x', id="trailing"),
        pytest.param(b"\xff", id="no JSON"),
        pytest.param(b'{"name":"\xff"}', id="no UTF-8"),
        pytest.param(b"name=a", id="form"),
    ],
)
async def test_a_body_that_is_no_json_is_malformed(body: bytes) -> None:
    assert problem(await send(body))["code"] == "invalid_request"


async def test_a_body_that_is_nested_too_deeply_is_malformed() -> None:
    @post("/", status_code=200)
    async def take_anything(data: JSONBody[Any]) -> None: ...

    async with client(service(take_anything)) as anybody:
        answer = await anybody.post("/", content=b"[" * 100_000 + b"]" * 100_000)

    assert problem(answer)["code"] == "invalid_request"


async def test_a_body_over_256_kib_is_refused() -> None:
    answer = await send(b'"' + b"a" * MAX_BODY_BYTES + b'"')

    assert (problem(answer)["code"], answer.status_code) == ("payload_too_large", 413)


async def test_a_body_of_exactly_256_kib_is_read() -> None:
    body = b'{"name":"a"' + b" " * (MAX_BODY_BYTES - 12) + b"}"
    assert len(body) == MAX_BODY_BYTES

    assert (await send(body)).status_code == 200


async def test_a_body_over_256_kib_that_does_not_state_its_length_is_refused() -> None:
    async def chunks() -> Any:
        for _ in range(MAX_BODY_BYTES // 1024 + 1):
            yield b" " * 1024

    async with client(service(take)) as anybody:
        answer = await anybody.post("/", content=chunks())

    assert answer.status_code == 413


async def test_a_client_that_goes_away_is_no_error_of_ours() -> None:
    app = service(take)
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def keep(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [(b"host", b"auth.example.com"), (b"content-length", b"100")],
        "client": ("192.0.2.7", 1),
        "server": ("auth.example.com", 443),
        "scheme": "https",
        "http_version": "1.1",
        "root_path": "",
    }
    await app(scope, receive, keep)

    assert sent[0]["status"] == 400
