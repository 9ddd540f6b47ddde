"""The api asks the issuer for keys and tickets. Only the answers that it gives count; every other one refuses."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from paseport.issuer_client import open_http_client
from paseport.secret import Secret
from paseport_shared.adapters.issuer.api_keys import IssuerApiKeys
from paseport_shared.adapters.issuer.handovers import IssuerHandovers
from paseport_shared.adapters.issuer.internal_client import InternalClient
from paseport_shared.api_key_state import encode_answer
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.api_key import ApiKey, ApiKeySecret
from paseport_shared.domain.models.rate_limit import RateLimit
from paseport_shared.domain.ports.handovers import HandedOver

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ALICE = UUID("01900000-0000-7000-8000-00000000a11c")
SID = "0000000000000000000001"
DIGEST = "ab" * 32
KEY = ApiKey(
    id="0123456789abcdef",
    owner_id=ALICE,
    name="reports",
    roles=frozenset({"User"}),
    hosts=("app.example.com",),
    rate_limit=RateLimit(10, timedelta(seconds=60), strict=True),
    secrets=(ApiKeySecret(bytes(32), 1, NOW),),
    legacy_digest=DIGEST,
    created_at=NOW,
    updated_at=NOW,
    revision=7,
)
SESSION = {"session_id": SID, "user_id": str(ALICE), "user_version": 3}
NOT_FOUND = httpx.Response(404, json={"code": "not_found"})

Handler = Callable[[httpx.Request], httpx.Response]


def client(handler: Handler) -> InternalClient:
    return InternalClient(
        open_http_client("http://issuer.internal:3010", httpx.MockTransport(handler)), Secret("the service secret")
    )


def answering(status: int, content: bytes = b"", body: Any = None) -> InternalClient:
    made = httpx.Response(status, json=body) if body is not None else httpx.Response(status, content=content)
    return client(lambda _: made)


async def test_a_key_comes_as_the_issuer_has_it_by_id_and_by_digest() -> None:
    asked = []

    def issuer(request: httpx.Request) -> httpx.Response:
        asked.append((request.url.path, json.loads(request.content), request.headers["Authorization"]))
        return httpx.Response(200, content=encode_answer(KEY))

    keys = IssuerApiKeys(client(issuer))

    assert await keys.find(KEY.id) == KEY
    assert await keys.find_legacy(DIGEST) == KEY
    assert asked == [
        ("/internal/v1/api-keys", {"id": KEY.id}, "Bearer the service secret"),
        ("/internal/v1/api-keys", {"legacy_digest": DIGEST}, "Bearer the service secret"),
    ]


async def test_a_key_that_the_issuer_says_there_is_none_of_is_none() -> None:
    keys = IssuerApiKeys(client(lambda _: NOT_FOUND))

    assert await keys.find(KEY.id) is None
    assert await keys.find_legacy(DIGEST) is None


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (200, b"{}"),
        (200, b"not json"),
        (200, b"[" * 100_000),
        (200, encode_answer(KEY).replace(KEY.id.encode(), b"another-id-16-ch").replace(DIGEST.encode(), b"cd" * 32)),
        (404, b"<html>"),
        (404, b'{"code":"unlisted_host"}'),
        (401, b""),
        (500, b""),
        (503, b""),
        (302, b""),
    ],
)
async def test_any_other_answer_about_a_key_is_none(status: int, content: bytes) -> None:
    """FA-07: a proxy's page, an older issuer, an answer about somebody else."""
    keys = IssuerApiKeys(answering(status, content))

    for ask in (lambda: keys.find(KEY.id), lambda: keys.find_legacy(DIGEST)):
        with pytest.raises(Unavailable):
            await ask()


async def test_a_ticket_is_redeemed_for_the_host_and_the_binding_that_it_came_with() -> None:
    asked = []

    def issuer(request: httpx.Request) -> httpx.Response:
        asked.append((request.url.path, json.loads(request.content)))
        return httpx.Response(200, json=SESSION)

    handed = await IssuerHandovers(client(issuer)).redeem("ticket", "app.example.com:8443", DIGEST)

    assert handed == HandedOver(SID, ALICE, 3)
    body = {"ticket": "ticket", "host": "app.example.com:8443", "binding": DIGEST}
    assert asked == [("/internal/v1/handover", body)]


async def test_a_ticket_that_is_no_good_is_none() -> None:
    assert await IssuerHandovers(client(lambda _: NOT_FOUND)).redeem("ticket", "app.example.com", DIGEST) is None


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {}),
        (200, SESSION | {"session_id": "junk"}),
        (200, SESSION | {"user_id": "junk"}),
        (200, SESSION | {"user_version": -1}),
        (404, {"code": "unlisted_host"}),
        (401, {}),
        (500, {}),
    ],
)
async def test_any_other_answer_about_a_ticket_is_none(status: int, body: Any) -> None:
    """FA-07."""
    handovers = IssuerHandovers(answering(status, body=body))

    with pytest.raises(Unavailable):
        await handovers.redeem("ticket", "app.example.com", DIGEST)


async def test_a_use_of_a_session_is_told_and_a_silent_issuer_is_unavailable() -> None:
    asked = []

    def issuer(request: httpx.Request) -> httpx.Response:
        asked.append((request.url.path, json.loads(request.content)))
        return httpx.Response(204)

    def silent(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    await IssuerHandovers(client(issuer)).note_use(SID)
    assert asked == [("/internal/v1/session-use", {"session_id": SID})]

    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: IssuerHandovers(client(silent)).note_use(SID),
        lambda: IssuerHandovers(client(silent)).redeem("ticket", "app.example.com", DIGEST),
        lambda: IssuerApiKeys(client(silent)).find(KEY.id),
    ]
    for call in calls:
        with pytest.raises(Unavailable):
            await call()
