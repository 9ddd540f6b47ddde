"""An api starts: whoever connects is served once it knows what is revoked, or told that it cannot be known."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime
from typing import Any

import httpx
import pytest
from answers import assert_503d
from api_world import ISSUER, ApiWorld, served
from paseport.revocation import FeedSnapshot
from paseport_api.app import Api
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.revocation_feed import MemoryRevocationFeed

DASHBOARD = "/api/dashboard"


class HeldFeed(MemoryRevocationFeed):
    """A feed whose first answer takes its time."""

    def __init__(self, epoch: int, outage: MemoryOutage | None = None) -> None:
        super().__init__(epoch, outage or MemoryOutage())
        self.is_asked = asyncio.Event()
        self.answers = asyncio.Event()

    async def snapshot(self, now: datetime, page: str | None = None) -> FeedSnapshot:
        self.is_asked.set()
        await self.answers.wait()
        return await super().snapshot(now, page)


async def test_a_user_who_comes_while_the_api_starts_waits_for_it_and_is_let_in(world: ApiWorld) -> None:
    """Its port listens already: who connects then is in line, and must not be refused because it is not ready."""
    feed = HeldFeed(9)
    await feed.mark_complete(await feed.epoch())
    await world.user("User")
    api = Api(world.settings, replace(world.adapters, revocation_feed=feed))
    app = api.public_app()
    async with AsyncExitStack() as stack:
        starting = asyncio.create_task(stack.enter_async_context(served(app)))
        async with asyncio.timeout(5):
            await feed.is_asked.wait()
        assert not starting.done()

        feed.answers.set()
        await starting

        http = await stack.enter_async_context(_client_of(app))
        answer = await http.get(DASHBOARD, headers={"Authorization": f"Bearer {await world.token()}"})
        assert answer.status_code == 200


@pytest.mark.parametrize("fault", ["down", "incomplete"])
async def test_an_api_that_hears_of_no_revocations_starts_and_lets_nobody_in(world: ApiWorld, fault: str) -> None:
    """FT-08: liveness and readiness can be asked, and say so."""
    outage = MemoryOutage()
    feed, fallback = MemoryRevocationFeed(9, outage), MemoryRevocationFeed(10, outage)
    await world.user("User")
    api = Api(world.settings, replace(world.adapters, revocation_feed=feed, fallback_feed=fallback))
    app = api.public_app()
    async with AsyncExitStack() as stack:
        if fault == "down":
            stack.enter_context(outage)
        await stack.enter_async_context(served(app))
        http = await stack.enter_async_context(_client_of(app))
        answer = await http.get(DASHBOARD, headers={"Authorization": f"Bearer {await world.token()}"})

        assert_503d(answer)
        assert (await http.get("/api/health/live")).status_code == 200
        assert (await http.get("/api/health/ready")).status_code == 503


def _client_of(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ISSUER)
