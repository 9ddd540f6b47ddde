"""What no HTTP client sends, sent over a real socket to a real server (FA-14, FA-20, FA-21)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from api_world import ApiWorld
from edge_world import HOST, SETTINGS, bearer, rule, stored_key
from paseport_shared.domain.models.policy import Access, Policy
from paseport_shared.http.server import listen, serve

FACTS = (
    b"X-Forwarded-Method: GET\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: app.example.com\r\n"
    b"X-Forwarded-Uri: /\r\nX-Forwarded-For: 203.0.113.7\r\n"
)
START = b"GET /forward-auth HTTP/1.1\r\nHost: api\r\n"
ENVOY = b"X-Forwarded-Proto: https\r\nX-Forwarded-For: 203.0.113.7\r\n"
SECONDS = 5

Exchange = Callable[[bytes], Awaitable[bytes]]


@pytest.fixture
async def edge(tmp_path: Path) -> AsyncIterator[ApiWorld]:
    async with ApiWorld(tmp_path, **{**SETTINGS, "trusted_proxies": ("127.0.0.0/8",)}) as world:
        world.policies.policy = Policy([rule("all", Access.PUBLIC)])
        yield world


@pytest.fixture
async def exchange(edge: ApiWorld) -> AsyncIterator[Exchange]:
    """Send bytes on a connection of their own, and return all that comes back."""
    async with AsyncExitStack() as stack:
        stop = asyncio.Event()
        listener = listen("127.0.0.1", 0)
        port = listener.getsockname()[1]
        serving = asyncio.create_task(serve([(edge.app, listener)], stop))
        stack.callback(stop.set)

        async def send(sent: bytes) -> bytes:
            async with asyncio.timeout(SECONDS):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(sent)
                writer.write_eof()
                answer = await reader.read()
                writer.close()
            return answer

        yield send
        stop.set()
        await serving


def statuses(answer: bytes) -> list[int]:
    """The status of each answer."""
    return [int(part[1:4]) for part in answer.split(b"HTTP/1.1")[1:]]


async def test_a_proxys_question_is_answered_over_a_socket(edge: ApiWorld, exchange: Exchange) -> None:
    await edge.user("User")
    edge.policies.policy = Policy([rule()])
    _, text = await stored_key(edge)
    header = f"Authorization: {bearer(text)['Authorization']}\r\n".encode()

    answer = await exchange(START + FACTS + header + b"\r\n")

    assert statuses(answer) == [204]
    assert b"x-user: alice\r\n" in answer
    assert b"x-user-email: \r\n" in answer
    assert statuses(await exchange(START + FACTS + b"\r\n" + START + FACTS + header + b"\r\n")) == [401, 204]


@pytest.mark.parametrize(
    "sent",
    [
        START + FACTS + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        START + FACTS + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        START + FACTS + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        START + FACTS + b"Content-Length: +1\r\n\r\na",
        START + FACTS + b"X Bad: x\r\n\r\n",
        START + FACTS + b"X-Bad : x\r\n\r\n",
        START + FACTS + b": x\r\n\r\n",
        START + FACTS + b"X-Bad: a\x00b\r\n\r\n",
        START + FACTS + b"Cookie: a=b\rX-User: admin\r\n\r\n",
        b"GET /forward-auth HTTP/1.0\r\nHost: api\r\n" + FACTS + b"\r\n",
        b"GET /forward-auth\r\n\r\n",
        b"GET /forward-auth HTTP/2.0\r\nHost: api\r\n" + FACTS + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=[
        "length and chunks",
        "two codings",
        "two lengths",
        "a signed length",
        "a name with a space",
        "a space before the colon",
        "no name",
        "a NUL",
        "a bare CR",
        "HTTP/1.0",
        "HTTP/0.9",
        "HTTP/2.0",
        "TLS",
    ],
)
async def test_what_two_parsers_might_read_differently_is_400_or_nothing(exchange: Exchange, sent: bytes) -> None:
    """FA-21. Anybody may pass here, so only the form can be what is refused."""
    answer = await exchange(sent)

    assert set(statuses(answer)) <= {400}
    assert answer == b"" or statuses(answer)


@pytest.mark.parametrize("fold", [b"\r\n ", b"\r\n\t", b"\r\n    "])
async def test_a_folded_header_is_never_read_as_two_or_as_a_fact(exchange: Exchange, fold: bytes) -> None:
    """FA-21: obs-fold (RFC 9112 §5.2)."""
    folded = FACTS.replace(b"X-Forwarded-Uri: /", b"X-Forwarded-Uri: /a" + fold + b"/b")

    assert set(statuses(await exchange(START + folded + b"\r\n"))) <= {400}


@pytest.mark.parametrize(
    "more",
    [
        b"X-Padding: " + b"x" * 65_536 + b"\r\n",
        b"Cookie: a=" + b"x" * 8_192 + b"\r\n",
        b"".join(b"X-Header-%d: x\r\n" % number for number in range(200)),
    ],
    ids=["64 KiB header", "8 KiB cookie", "200 headers"],
)
async def test_what_is_too_large_is_refused_whole(exchange: Exchange, more: bytes) -> None:
    """FA-20: not cut off and read in part."""
    assert statuses(await exchange(START + FACTS + more + b"\r\n")) == [400]


@pytest.mark.parametrize(
    "head",
    [
        b"GET /ext-authz/ HTTP/1.1\r\n",
        b"GET /ext-authz/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n",
        b"GET /ext-authz/ HTTP/1.1\r\nHost: app.example.com/x\r\n",
        b"GET /ext-authz/ HTTP/1.1\r\nHost: evil@app.example.com\r\n",
        b"GET /ext-authz/ HTTP/1.1\r\nHost: \r\n",
    ],
    ids=["absent", "twice", "with a path", "with a user", "empty"],
)
async def test_a_host_that_is_absent_repeated_or_none_is_400(exchange: Exchange, head: bytes) -> None:
    """FA-14."""
    assert set(statuses(await exchange(head + ENVOY + b"\r\n"))) <= {400}


async def test_a_path_is_judged_as_it_was_sent(edge: ApiWorld, exchange: Exchange) -> None:
    """FA-09: a client library would tidy these up."""
    edge.policies.policy = Policy([rule("public", Access.PUBLIC, "/public/**"), rule("rest")])
    targets = [b"/public/../admin", b"/public/%2e%2e/admin", b"/public//admin", b"/./public/x", b"/public\\..\\admin"]

    for target in targets:
        sent = b"GET /ext-authz" + target + b" HTTP/1.1\r\nHost: " + HOST.encode() + b"\r\n" + ENVOY + b"\r\n"
        answer = await exchange(sent)
        assert set(statuses(answer)) <= {400}, target
