"""How long the issuer is waited for, over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from paseport.errors import Unavailable
from paseport.issuer_client import IssuerClient, open_http_client
from standstill import stand_still

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"
SHORT_SECONDS = 0.3
STANDSTILL_SECONDS = 0.6


class Server:
    """Answers every request with ``{}``, ``pauses_seconds`` before each byte of it."""

    pauses_seconds = 0.0
    url: str

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD)
        for byte in b"{}":
            if await self.is_left(reader):
                break
            writer.write(bytes([byte]))
        writer.close()

    async def is_left(self, reader: asyncio.StreamReader) -> bool:
        """Pause, unless whoever asked goes away."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.pauses_seconds):
                await reader.read(1)
                return True
        return False


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    async with await asyncio.start_server(server.answer, "127.0.0.1", 0) as listening:
        server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        yield server


@pytest.fixture
async def issuer(server: Server) -> AsyncIterator[IssuerClient]:
    async with open_http_client(server.url) as http:
        yield IssuerClient(http, dict)


@pytest.mark.parametrize("turns", [1, 3, 6, 10])
async def test_an_issuer_is_not_late_because_this_process_stood_still(issuer: IssuerClient, turns: int) -> None:
    """While it connects, sends, or waits for the answer: the deadline is over when it goes on."""
    asking = asyncio.create_task(issuer.get("/", deadline_seconds=SHORT_SECONDS))
    for _ in range(turns):
        await asyncio.sleep(0)
    assert not asking.done()

    stand_still(STANDSTILL_SECONDS)

    assert (await asking).body == b"{}"


@pytest.mark.parametrize("pauses_seconds", [0.2, 60], ids=["drips", "is silent"])
async def test_an_issuer_that_takes_too_long_in_all_did_not_answer(
    issuer: IssuerClient, server: Server, pauses_seconds: float
) -> None:
    server.pauses_seconds = pauses_seconds

    with pytest.raises(Unavailable) as late:
        await issuer.get("/", deadline_seconds=SHORT_SECONDS)

    assert "did not answer" in late.value.reason
