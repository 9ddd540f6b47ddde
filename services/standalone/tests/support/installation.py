"""Paseport as a process of its own on free ports, and its command line, both as people start them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import httpx
from built_app import write_build
from prepared_command import PreparedProcess, run_prepared, start_prepared

PROGRAM = Path(sys.executable).with_name("paseport")
DEADLINE_SECONDS = 30.0
_SETTING = re.compile(r"(?:PASEPORT_|ACCESS_TOKEN_|COOKIE_|CORS_|SERVER_|MARIADB_|REDIS_|VAULT_|LOG_LEVEL|NO_COLOR)")


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Standard output as the one JSON document that it must be."""
        return json.loads(self.out)


class Running:
    """A process that serves."""

    def __init__(self, process: asyncio.subprocess.Process | PreparedProcess, started: dict[str, Any]) -> None:
        self.process = process
        self.url: str = started["url"]
        self.internal_url: str = started["internal_url"]
        self.first_admin: dict[str, str] | None = started["first_admin"]

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        """A browser without a page: cookies are kept, and unsafe requests carry what our app sends."""
        headers = {"X-CSRF": "1", "Origin": self.url}
        async with httpx.AsyncClient(base_url=self.url, headers=headers, trust_env=False, timeout=20) as client:
            yield client

    async def sign_in(self, client: httpx.AsyncClient, username: str, password: str) -> str:
        """Sign in and return the access token."""
        answer = await client.post("/auth/v1/login/local", json={"username": username, "password": password})
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["access_token"]
        return token

    def waited_seconds(self) -> float:
        """How long its threads were ready to run and had no processor; 0 where the system does not tell."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[1]) for task in tasks) / 1e9

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        return await asyncio.wait_for(self.process.wait(), DEADLINE_SECONDS)


class Installation:
    """A data folder with the settings of one installation."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.data = folder / "data"
        self.log = folder / "log"
        self.settings = {
            "PASEPORT_DATA_DIR": str(self.data),
            "PASEPORT_APP_DIR": str(write_build(folder / "build")),
            "SERVER_PORT": "0",
            "PASEPORT_INTERNAL_PORT": "0",
            # The least that is allowed: these tests are about what happens, not about how long a hash takes.
            "PASEPORT_PASSWORD_WORK_FACTOR": "10",
            **settings,
        }

    async def run(self, *arguments: str, stdin: str = "", **settings: str) -> Ended:
        """Run a command to its end."""
        with TemporaryFile() as typed, TemporaryFile() as out, TemporaryFile() as err:
            typed.write(stdin.encode())
            typed.seek(0)
            environment = self.environment(**settings)
            code = await asyncio.to_thread(run_prepared, arguments, environment, (typed, out, err), DEADLINE_SECONDS)
            for file in (out, err):
                file.seek(0)
            return Ended(code, out.read().decode(), err.read().decode())

    async def run_at_terminal(self, typed: str, *arguments: str, **settings: str) -> Ended:
        """Run a command to its end, and type a line once it asks for one."""
        keyboard, terminal = os.openpty()
        try:
            process = await asyncio.create_subprocess_exec(
                *self.command(*arguments),
                stdin=terminal,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=self.environment(**settings),
                # With a terminal of its own it would ask whoever runs the tests.
                start_new_session=True,
            )
            assert process.stderr is not None
            asked = await asyncio.wait_for(process.stderr.readuntil(b": "), DEADLINE_SECONDS)
            os.write(keyboard, f"{typed}\n".encode())
            out, err = await asyncio.wait_for(process.communicate(), DEADLINE_SECONDS)
        finally:
            os.close(keyboard)
            os.close(terminal)
        assert process.returncode is not None
        return Ended(process.returncode, out.decode(), (asked + err).decode())

    @contextlib.asynccontextmanager
    async def started(self, **settings: str) -> AsyncIterator[Running]:
        """Serve until the block ends. The log is added to ``log``."""
        with self.log.open("ab") as log:
            process = await start_prepared(("run", "--json"), self.environment(**settings), log)
        async with self._serving(process) as running:
            yield running

    @contextlib.asynccontextmanager
    async def started_by_an_operator(self, **settings: str) -> AsyncIterator[Running]:
        """As ``started``, by the program as it is installed."""
        with self.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *self.command("run", "--json"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=self.environment(**settings),
            )
        async with self._serving(process) as running:
            yield running

    @contextlib.asynccontextmanager
    async def _serving(self, process: asyncio.subprocess.Process | PreparedProcess) -> AsyncIterator[Running]:
        try:
            yield Running(process, await asyncio.wait_for(self._read_start(process), DEADLINE_SECONDS))
        finally:
            if process.returncode is None:
                process.terminate()
            await asyncio.wait_for(process.wait(), DEADLINE_SECONDS)

    async def _read_start(self, process: asyncio.subprocess.Process | PreparedProcess) -> dict[str, Any]:
        assert process.stdout is not None
        text = ""
        while line := (await process.stdout.readline()).decode():
            text += line
            if line == "}\n":
                started: dict[str, Any] = json.loads(text)
                return started
        raise AssertionError(f"it did not start: {text}\n{self.log.read_text()}")

    def command(self, *arguments: str) -> tuple[str, ...]:
        """Return the words that start the program."""
        return (str(PROGRAM), *arguments)

    def environment(self, **settings: str) -> dict[str, str]:
        """Return the environment of this installation."""
        # The settings of whoever runs the tests are not the settings under test.
        own = {name: value for name, value in os.environ.items() if not _SETTING.match(name)}
        return {**own, **self.settings, **settings}
