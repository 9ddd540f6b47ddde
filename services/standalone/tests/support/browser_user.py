"""Somebody with a browser, as far as `paseport login` needs one."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import httpx
from installation import DEADLINE_SECONDS, Ended, Installation, Running
from prepared_command import PreparedProcess, start_prepared

_ADDRESS = re.compile(rb"(http\S+/oauth2/authorize\?\S+)")


@dataclass
class LoginCommand:
    """A `paseport login` that waits for its browser."""

    process: PreparedProcess
    address: str
    """What it asks the person to open."""

    @property
    def redirect_uri(self) -> str:
        return self.parameters["redirect_uri"]

    @property
    def parameters(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.address).query).items()}

    async def ended(self) -> Ended:
        out, err = await asyncio.wait_for(self.process.communicate(), DEADLINE_SECONDS)
        assert self.process.returncode is not None
        return Ended(self.process.returncode, out.decode(), err.decode())

    async def stop(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


async def begin_login(installation: Installation, *arguments: str) -> LoginCommand:
    """Start `paseport login` and read which address it shows."""
    process = await start_prepared(("login", "--no-browser", *arguments), installation.environment())
    assert process.stderr is not None
    seen = b""
    while not (found := _ADDRESS.search(seen)):
        line = await asyncio.wait_for(process.stderr.readline(), DEADLINE_SECONDS)
        assert line, f"it ended: {seen.decode()}"
        seen += line
    return LoginCommand(process, found[1].decode())


async def sign_in_with(browser: httpx.AsyncClient, command: LoginCommand, username: str, password: str) -> str:
    """Open the address, sign in where a page asks for it, and return where the browser is sent back to."""
    answer = await browser.get(command.address)
    if answer.headers["location"].startswith("/login?transaction="):
        transaction = parse_qs(urlsplit(answer.headers["location"]).query)["transaction"][0]
        body = {"username": username, "password": password, "transaction": transaction}
        signed_in = await browser.post("/auth/v1/login/local", json=body)
        assert signed_in.status_code == 200, signed_in.text
        answer = await browser.get(signed_in.json()["continue"])
    assert answer.status_code == 303
    return answer.headers["location"]


async def visit(address: str) -> httpx.Response:
    """Open an address of the loopback listener."""
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(address)


async def log_in(installation: Installation, paseport: Running, username: str, password: str, *arguments: str) -> Ended:
    """Go through `paseport login` with a new browser."""
    command = await begin_login(installation, "--issuer", paseport.url, *arguments)
    async with paseport.client() as browser:
        page = await visit(await sign_in_with(browser, command, username, password))
    assert page.status_code == 200
    return await command.ended()
