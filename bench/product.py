"""The product: what its app asks it, and how people start it to try it.

``paseport run`` is a process of its own here, on free ports with a fresh data folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import re
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bench.figures import BenchProblem
from bench.http import Answer, Connection, connect, request
from bench.processes import read_line, started

ADMIN: Final = "admin"
PASSWORD: Final = "four words nobody guesses"
_REFRESH_COOKIE: Final = "paseport-refresh"
_SETTING = re.compile(r"(?:PASEPORT_|ACCESS_TOKEN_|COOKIE_|CORS_|SERVER_|MARIADB_|REDIS_|VAULT_|LOG_LEVEL)")


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a sign-in or a refresh gives."""

    access_token: str
    refresh_token: str


class Product:
    """A running installation: the process that answers on ``port``, and where people find it (``origin``)."""

    def __init__(self, pid: int, port: int, *, origin: str | None = None, started_at: float = 0.0) -> None:
        self.pid = pid
        self.port = port
        self.started_at = started_at
        """When its process was started, by ``time.perf_counter``."""
        self._origin = origin or f"http://localhost:{port}"
        address = urlsplit(self._origin)
        self._host = address.netloc
        self.refresh_cookie = _REFRESH_COOKIE if address.scheme == "http" else f"__Host-{_REFRESH_COOKIE}"
        """What the refresh token's cookie is called."""

    def request(self, method: str, target: str, body: object = None, **headers: str) -> bytes:
        """Return a request as the app would send it; ``headers`` are named with underscores."""
        own = {"Host": self._host}
        if method != "GET":
            own |= {"Origin": self._origin, "X-CSRF": "1"}
        more = {name.replace("_", "-").title(): value for name, value in headers.items()}
        return request(method, target, own | more, body)

    def login(self, username: str, password: str = PASSWORD) -> bytes:
        """Return a sign-in."""
        return self.request("POST", "/auth/v1/login/local", {"username": username, "password": password})

    def refresh(self, refresh_token: str) -> bytes:
        """Return a refresh."""
        return self.request("POST", "/auth/v1/refresh", cookie=f"{self.refresh_cookie}={refresh_token}")

    def dashboard(self, access_token: str) -> bytes:
        """Return a request for the dashboard."""
        return self.request("GET", "/api/dashboard", authorization=f"Bearer {access_token}")

    async def sign_in(self, connection: Connection, username: str, password: str = PASSWORD) -> SignedIn:
        """Sign a user in. Raises ``BenchProblem`` for any other answer."""
        return signed_in(await connection.ask(self.login(username, password)))

    async def add_users(self, connection: Connection, count: int) -> list[str]:
        """Create users with role User and return their names."""
        admin = await self.sign_in(connection, ADMIN)
        names = [f"user{number:04}" for number in range(count)]
        for name in names:
            user = {"username": name, "email": f"{name}@example.com", "password": PASSWORD, "roles": ["User"]}
            authorization = f"Bearer {admin.access_token}"
            expect(await connection.ask(self.request("POST", "/users/v1", user, authorization=authorization)), 201)
        return names


def expect(answer: Answer, status: int) -> Answer:
    """Return the answer if it has this status. Raises ``BenchProblem`` otherwise."""
    if answer.status != status:
        raise BenchProblem(f"answered {answer.status} instead of {status}: {answer.body[:200]!r}")
    return answer


def signed_in(answer: Answer) -> SignedIn:
    """Return the tokens of a good answer. Raises ``BenchProblem`` for any other."""
    token = refresh_token_of(expect(answer, 200))
    if token is None:
        raise BenchProblem("an answer without refresh token")
    return SignedIn(answer.json()["access_token"], token)


def refresh_token_of(answer: Answer) -> str | None:
    """Return the refresh token that a good answer sets, or None for any other answer."""
    tokens = (value for name, value in answer.cookies.items() if name.endswith(_REFRESH_COOKIE))
    return next(tokens, None) if answer.status == 200 else None


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[Product]:
    """Start an installation that nobody used before, and end it with the block."""
    with tempfile.TemporaryDirectory(prefix="paseport-bench-") as folder:
        log = Path(folder) / "log"
        started_at = time.perf_counter()
        async with started("paseport", "run", "--json", log=log, environment=_environment(Path(folder))) as process:
            # The document is printed when everything is open, over several lines.
            text = ""
            while not text.endswith("\n}\n"):
                text += await read_line(process, log)
            document = json.loads(text)
            if "url" not in document:
                raise BenchProblem(f"the product did not start: {document}")
            yield Product(process.pid, int(document["url"].rpartition(":")[2]), started_at=started_at)


@contextlib.asynccontextmanager
async def running_with(count: int) -> AsyncIterator[tuple[Product, list[str]]]:
    """Start an installation with ``count`` users."""
    async with running() as product:
        connection = await connect(product.port)
        try:
            users = await product.add_users(connection, count)
        finally:
            await connection.close()
        yield product, users


async def sign_in_each(product: Product, users: list[str], times: int) -> list[SignedIn]:
    """Sign every user in ``times`` times, one after the other."""
    connection = await connect(product.port)
    try:
        async with asyncio.timeout(60):
            return [await product.sign_in(connection, user) for user in itertools.chain(*[users] * times)]
    finally:
        await connection.close()


def _environment(folder: Path) -> Mapping[str, str]:
    # The settings of whoever runs the bench are not the settings that are measured.
    inherited = {name: value for name, value in os.environ.items() if not _SETTING.match(name)}
    return inherited | {
        "SERVER_PORT": "0",
        "PASEPORT_INTERNAL_PORT": "0",
        "PASEPORT_DATA_DIR": str(folder / "data"),
        "PASEPORT_ADMIN_EMAIL": "admin@example.com",
        "PASEPORT_ADMIN_PASSWORD": PASSWORD,
        # One address makes all the requests here; nobody else has to stay out.
        "PASEPORT_LOGIN_ATTEMPTS_PER_ADDRESS": "1000000",
    }
