"""The issuer over HTTP, and browsers and administrators who use it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import httpx
from issuer_world import ISSUER, PASSWORD, IssuerWorld
from litestar import Litestar
from paseport_issuer.app import Issuer
from paseport_issuer.settings import Settings
from paseport_shared.http.app import ServiceApp

BROWSER = {"X-CSRF": "1", "Origin": ISSUER}


@dataclass
class HttpWorld:
    """A running issuer: its public and internal apps and what stands behind them."""

    world: IssuerWorld
    issuer: Issuer
    public: ServiceApp

    @cached_property
    def internal(self) -> ServiceApp:
        """The app of the internal port; few tests ask for it."""
        return self.issuer.internal_app()

    @asynccontextmanager
    async def browser(self, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
        """A client with a cookie jar of its own that sends what the app sends."""
        transport = httpx.ASGITransport(self.public, client=("192.0.2.7", 50000))
        async with httpx.AsyncClient(transport=transport, base_url=ISSUER, headers={**BROWSER, **headers}) as client:
            yield client

    @asynccontextmanager
    async def bearer(self, token: str | None) -> AsyncIterator[httpx.AsyncClient]:
        """A client that sends an access token and no cookie."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        transport = httpx.ASGITransport(self.public, client=("192.0.2.7", 50000))
        async with httpx.AsyncClient(transport=transport, base_url=ISSUER, headers=headers) as client:
            yield client

    @asynccontextmanager
    async def service(self, client_id: str, secret: str) -> AsyncIterator[httpx.AsyncClient]:
        """A client that sends an id and a secret by HTTP Basic."""
        transport = httpx.ASGITransport(self.public, client=("192.0.2.8", 50000))
        auth = httpx.BasicAuth(quote_plus(client_id), quote_plus(secret))
        async with httpx.AsyncClient(transport=transport, base_url=ISSUER, auth=auth) as client:
            yield client

    @asynccontextmanager
    async def inside(self, secret: str | None) -> AsyncIterator[httpx.AsyncClient]:
        """A client of the internal port."""
        headers = {} if secret is None else {"Authorization": f"Bearer {secret}"}
        transport = httpx.ASGITransport(self.internal, client=("127.0.0.1", 50000))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:3010", headers=headers) as client:
            yield client

    async def token(self, login: str) -> str:
        """Sign in and return the access token."""
        return (await self.world.sign_in(login)).access_token.value


@asynccontextmanager
async def running_issuer(folder: Path, settings: Settings | None = None) -> AsyncIterator[HttpWorld]:
    """Run the issuer's lifespan around the block."""
    async with running(IssuerWorld(folder, settings)) as http:
        yield http


@asynccontextmanager
async def running(world: IssuerWorld) -> AsyncIterator[HttpWorld]:
    """Run the issuer of ``world``, whatever its adapters were replaced by."""
    issuer = Issuer(world.settings, world.adapters)
    world.use = issuer.use
    public = issuer.public_app()
    async with _lifespan_of(public):
        yield HttpWorld(world, issuer, public)
    await world.close()


@asynccontextmanager
async def _lifespan_of(app: Litestar) -> AsyncIterator[None]:
    """Begin and end a lifespan in one task, as a server does, on the loop of the requests."""
    begun, over = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with app.lifespan():
            begun.set()
            await over.wait()

    living = asyncio.create_task(live())
    living.add_done_callback(lambda _: begun.set())
    await begun.wait()
    try:
        yield
    finally:
        over.set()
        await living


async def sign_in(
    browser: httpx.AsyncClient, username: str = "alice", password: str = PASSWORD.reveal()
) -> httpx.Response:
    """Sign a browser in and return the answer."""
    return await browser.post("/auth/v1/login/local", json={"username": username, "password": password})


def problem(answer: httpx.Response) -> dict[str, Any]:
    """Return the problem of a refusal, without what differs from one to the next."""
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body.pop("request_id") == answer.headers["x-request-id"]
    assert body["status"] == answer.status_code
    return body
