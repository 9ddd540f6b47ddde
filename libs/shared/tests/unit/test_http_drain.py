"""A request that outlasts the end of its service."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from paseport_shared.http.problem import RenderProblems

SCOPE: dict[str, Any] = {"type": "http", "method": "POST", "path": "/", "headers": [], "state": {"request_id": "id"}}


async def receive() -> Any:
    raise AssertionError("nobody asks")


async def end_while_it_works(*before: dict[str, Any]) -> list[dict[str, Any]]:
    """End a request that never would, as a server does that has waited long enough; return what was answered."""
    sent: list[dict[str, Any]] = []
    begun = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in before:
            await send(message)
        begun.set()
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    request = asyncio.create_task(RenderProblems(app)(SCOPE, receive, send))
    await begun.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    return sent


async def test_a_client_whose_request_outlasts_its_service_is_told_to_come_back() -> None:
    """Not that something went wrong inside: nothing did."""
    head, body = await end_while_it_works()

    assert head["status"] == 503
    assert (b"retry-after", b"1") in head["headers"]
    assert json.loads(body["body"])["code"] == "unavailable"


async def test_an_answer_that_has_begun_is_cut_off() -> None:
    begun = {"type": "http.response.start", "status": 200, "headers": []}

    assert await end_while_it_works(begun) == [begun]
