"""The verifier as a service uses it: its arguments, and a key document over HTTP."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from paseport import Claims, Principal, PublishedKey, StaticKeySet, Unavailable, Verifier
from paseport.claims_json import encode_claims
from paseport.http_key_document import HttpKeyDocument
from paseport.key_set import encode_key_document
from paseport.verifier import KEY_DOCUMENT_PATH


def configured(**changes: Any) -> Verifier:
    arguments: dict[str, Any] = {
        "issuer": "https://auth.example.com",
        "audience": "https://auth.example.com/api",
        "revocation": "none",
        "key_set": StaticKeySet([]),
    }
    return Verifier(**(arguments | changes))


@pytest.mark.parametrize("revocation", ["live", "feed", "", True, "None"])
def test_revocation_is_none_or_left_out(revocation: object) -> None:
    with pytest.raises(ValueError, match='"none" or left out'):
        configured(revocation=revocation)


def test_where_revocations_come_from_has_to_be_said() -> None:
    """Nobody shall believe in live revocation because they left an argument out."""
    with pytest.raises(ValueError, match="say where revocations come from"):
        configured(revocation=None)


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "v", "client_secret": "s"},
        {"redis": "redis://localhost"},
    ],
    ids=["issuer", "redis"],
)
def test_following_revocations_contradicts_having_none(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="contradicts"):
        configured(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "v"},
        {"client_secret": "s"},
        {"client_id": "", "client_secret": "s"},
        {"client_id": "v", "client_secret": ""},
    ],
)
def test_half_a_credential_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="belong together"):
        configured(revocation=None, **changes)


@pytest.mark.parametrize("on_stale", ["", "Allow", None, True])
def test_what_to_do_without_a_feed_is_deny_or_allow(on_stale: object) -> None:
    with pytest.raises(ValueError, match="on_stale"):
        configured(on_stale=on_stale)


@pytest.mark.parametrize(
    "issuer",
    [
        "https://auth.example.com",
        "https://auth.example.com:8443/realm",
        "http://localhost:8080",
        "http://127.0.0.1:8080",
        "http://127.8.9.10",
        "http://[::1]:8080",
    ],
)
def test_an_https_issuer_or_one_on_this_machine_is_accepted(issuer: str) -> None:
    configured(issuer=issuer)


@pytest.mark.parametrize(
    "issuer",
    [
        "http://auth.example.com",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://10.0.0.1",
        "http://[::2]",
        "ftp://localhost",
        "auth.example.com",
        "https://",
        "https://auth.example.com/",
        "https://auth.example.com?x=1",
        "https://auth.example.com#x",
        "https://user@auth.example.com",
        "",
    ],
)
def test_an_issuer_whose_keys_could_be_replaced_on_the_way_is_refused(issuer: str) -> None:
    """KR-08, FT-22."""
    with pytest.raises(ValueError, match="issuer"):
        configured(issuer=issuer)


@pytest.mark.parametrize(
    "changes", [{"audience": ""}, {"max_lifetime": timedelta(0)}, {"max_lifetime": timedelta(seconds=-1)}]
)
def test_an_argument_that_could_accept_nothing_or_anything_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"audience|max_lifetime"):
        configured(**changes)


def test_importing_it_opens_no_connection() -> None:
    """style §7: a subprocess, because this one has imported everything already."""
    watch = (
        "import sys\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, _: opened.append(event) if event.startswith('socket.connect') else None)\n"
        "import paseport\n"
        "sys.exit(len(opened))"
    )

    finished = subprocess.run([sys.executable, "-c", watch], env=dict(os.environ), check=False, timeout=30)

    assert finished.returncode == 0


@asynccontextmanager
async def origin_serving(
    document: bytes, *, status: str = "200 OK", header: str = "Cache-Control: public, max-age=60"
) -> AsyncIterator[str]:
    """A real HTTP server on a free port of this machine; yields its URL."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        assert request.startswith(b"GET /.well-known/paserk.json HTTP/1.1\r\n")
        head = f"HTTP/1.1 {status}\r\n{header}\r\nContent-Length: {len(document)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + document)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"


async def fetched_from(origin: str) -> tuple[bytes, float]:
    async with httpx.AsyncClient() as client:
        return await HttpKeyDocument(origin + KEY_DOCUMENT_PATH, client)()


@pytest.mark.parametrize(
    ("cache_control", "max_age"),
    [
        ("public, max-age=60", 60),
        ("max-age=5", 5),
        ('Max-Age="7"', 7),
        ("s-maxage=9, max-age=8", 8),
        ("no-store", 0),
        ("no-cache, max-age=60", 0),
        ("max-age=-1", 60),
        ("max-age=x", 60),
        ("max-age=" + "9" * 400, 60),
        ("", 60),
    ],
)
async def test_max_age_is_read_from_cache_control(cache_control: str, max_age: float) -> None:
    """RFC 9111 §5.2.2."""
    async with origin_serving(b"{}", header=f"Cache-Control: {cache_control}") as origin:
        assert await fetched_from(origin) == (b"{}", max_age)


@pytest.mark.parametrize(
    ("status", "header", "document"),
    [
        ("404 Not Found", "Cache-Control: max-age=60", b"{}"),
        ("500 Internal Server Error", "Cache-Control: max-age=60", b"{}"),
        ("302 Found", "Location: /elsewhere", b""),
        ("307 Temporary Redirect", "Location: /elsewhere", b""),
        ("200 OK", "Cache-Control: max-age=60", b"x" * (64 * 1024 + 1)),
    ],
    ids=["absent", "error", "found", "redirect", "too long"],
)
async def test_anything_but_a_short_200_is_a_failure_and_no_redirect_is_followed(
    status: str, header: str, document: bytes
) -> None:
    """KR-08: the server would fail the test if it were asked for another path."""
    async with origin_serving(document, status=status, header=header) as origin:
        with pytest.raises(httpx.HTTPError, match=r"answered|over 64 KiB"):
            await fetched_from(origin)


async def test_a_service_needs_the_issuers_address_and_its_audience_and_nothing_else(
    published_key: PublishedKey, user_claims: Claims, sign: Callable[[bytes], str]
) -> None:
    """The five lines of the README, against a real server and the real clock."""
    async with origin_serving(encode_key_document([published_key])) as issuer:
        now = datetime.now(UTC).replace(microsecond=0)
        claims = replace(
            user_claims, issuer=issuer, issued_at=now, not_before=now, expires_at=now + timedelta(minutes=5)
        )

        async with Verifier(issuer=issuer, audience=claims.audience, revocation="none") as verifier:
            assert await verifier.verify(sign(encode_claims(claims))) == Principal(claims)


async def test_an_issuer_that_cannot_be_reached_makes_keys_unavailable(valid_token: str) -> None:
    """TK-06: 503, never allow."""
    async with origin_serving(b"") as issuer:
        pass

    async with Verifier(issuer=issuer, audience="x", revocation="none") as verifier:
        with pytest.raises(Unavailable):
            await verifier.verify(valid_token)


async def test_closing_leaves_a_key_set_alone_that_it_was_given(published_key: PublishedKey, now: datetime) -> None:
    keys = StaticKeySet([published_key])

    async with configured(key_set=keys):
        pass

    assert await keys.get(published_key.kid, now) == published_key
