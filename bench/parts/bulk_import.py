"""How long others wait for an answer while an administrator imports as many API keys as one request takes (AD-15)."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Sequence
from typing import Any, Final

from bench.figures import BenchProblem, Bound, Figure, Gate, figure_of
from bench.http import Connection, connections
from bench.product import ADMIN, Product, expect, running_with

_ROUNDS: Final = 5
_KEYS: Final = 500
_COMMENT: Final = "x" * 300
"""With it a request is nearly as large as requests may be, 256 KiB."""
_GATE: Final = Gate(Bound.AT_MOST, 100)
_PAUSE: Final = 0.002
"""Seconds between an answer and the next question: whoever asks all the time is a load of their own."""


async def measure_bulk_import() -> Sequence[Figure]:
    """Import new keys, each time 500, and ask meanwhile over another connection whether the process lives."""
    idle, busy, took = [], [], []
    async with running_with(0) as (product, _), connections(product.port, 2) as (administrator, asking):
        token = (await product.sign_in(administrator, ADMIN)).access_token
        owner = await _service_account(product, administrator, token)
        for number in range(_ROUNDS):
            message = product.request(
                "POST", f"/api/users/{owner}/tokens/import", _keys(number), authorization=f"Bearer {token}"
            )
            began = time.perf_counter()
            importing = asyncio.create_task(administrator.ask(message))
            busy.append(await _longest_answer(product, asking, importing))
            took.append((time.perf_counter() - began) * 1e3)
            outcomes = [item["outcome"] for item in expect(importing.result(), 200).json()["items"]]
            if outcomes != ["created"] * _KEYS:
                raise BenchProblem(f"an import took over {outcomes.count('created')} of {_KEYS} new keys")
            waiting = asyncio.create_task(asyncio.sleep(took[-1] / 1e3))
            idle.append(await _longest_answer(product, asking, waiting))
    return [
        figure_of(f"import of {_KEYS} keys", "ms", took),
        figure_of("longest answer to somebody else, nothing imported, as long", "ms", idle),
        Figure(
            "longest answer to somebody else meanwhile (the worst counts)", "ms", min(busy), max(busy), max(busy), _GATE
        ),
    ]


async def _longest_answer(product: Product, connection: Connection, until: asyncio.Task[Any]) -> float:
    """Return the milliseconds of the slowest answer before ``until`` has ended."""
    longest = 0.0
    message = product.request("GET", "/health/live")
    while not until.done():
        began = time.perf_counter()
        expect(await connection.ask(message), 200)
        longest = max(longest, (time.perf_counter() - began) * 1e3)
        await asyncio.sleep(_PAUSE)
    return longest


async def _service_account(product: Product, connection: Connection, token: str) -> str:
    user = {"username": "till", "email": "till@example.com", "password": None, "roles": ["User"]}
    answer = await connection.ask(product.request("POST", "/users/v1", user, authorization=f"Bearer {token}"))
    return str(expect(answer, 201).json()["id"])


def _keys(number: int) -> dict[str, Any]:
    def key(index: int) -> dict[str, Any]:
        digest = hashlib.sha256(f"round {number}, key {index}".encode()).hexdigest()
        return {"digest": digest, "name": f"till {index}", "comment": _COMMENT, "expires_at": None}

    return {"keys": [key(index) for index in range(_KEYS)]}
