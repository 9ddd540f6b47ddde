"""How a service ends: nobody who speaks to it already is cut off."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from paseport_shared.http.server import listen, serve

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
LONG = 60.0


async def app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


class Service:
    """Serves until it is told to end."""

    def __init__(self, linger_seconds: float) -> None:
        self.socket = listen("127.0.0.1", 0)
        self.address: tuple[str, int] = self.socket.getsockname()
        self.stop = asyncio.Event()
        self.serving = asyncio.create_task(serve([(app, self.socket)], self.stop, linger_seconds=linger_seconds))

    async def connect(self) -> Client:
        client = Client(*await asyncio.open_connection(*self.address))
        assert b" 200 " in await client.ask()
        return client

    async def refuses_others(self) -> None:
        """Return once nobody new is let in."""
        async with asyncio.timeout(10):
            while True:
                with socket.socket() as other:
                    other.setblocking(False)
                    try:
                        await asyncio.get_running_loop().sock_connect(other, self.address)
                    except ConnectionError:
                        return
                await asyncio.sleep(0.01)

    async def ended(self) -> None:
        async with asyncio.timeout(10):
            await self.serving


class Client:
    """An edge that keeps its connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self) -> bytes:
        self._writer.write(REQUEST)
        async with asyncio.timeout(10):
            head = await self._reader.readuntil(b"\r\n\r\n")
            await self._reader.readexactly(2)
        return head.lower()

    async def is_hung_up_on(self) -> bool:
        async with asyncio.timeout(10):
            return await self._reader.read() == b""

    async def hang_up(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


@pytest.fixture
async def lingering() -> AsyncIterator[Service]:
    service = Service(LONG)
    yield service
    service.serving.cancel()
    await asyncio.gather(service.serving, return_exceptions=True)


async def test_an_edge_whose_request_is_on_its_way_when_the_service_ends_is_answered(lingering: Service) -> None:
    """On a connection that it used before: a service that closed it just then would leave the request unanswered."""
    edge = await lingering.connect()
    lingering.stop.set()
    await lingering.refuses_others()

    assert b"connection: close" in await edge.ask()

    assert await edge.is_hung_up_on()
    await lingering.ended()
    await edge.hang_up()


async def test_the_end_does_not_wait_once_nobody_is_connected(lingering: Service) -> None:
    edge = await lingering.connect()
    lingering.stop.set()
    await lingering.refuses_others()
    assert not lingering.serving.done()

    await edge.hang_up()

    await lingering.ended()


async def test_a_client_that_says_nothing_more_keeps_nobody_up_for_longer_than_it_may() -> None:
    service = Service(0.2)
    edge = await service.connect()
    began_at = time.monotonic()

    service.stop.set()
    await service.ended()

    assert time.monotonic() - began_at >= 0.2
    assert await edge.is_hung_up_on()
    await edge.hang_up()


async def test_without_lingering_idle_connections_end_at_once() -> None:
    """What somebody at a keyboard expects of Ctrl-C."""
    service = Service(0)
    edge = await service.connect()

    service.stop.set()
    await service.ended()

    assert await edge.is_hung_up_on()
    await edge.hang_up()
