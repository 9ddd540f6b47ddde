"""Issuer and api as processes of their own, started as operators start them."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal, TypeAlias

import requests

from paseport_testkit.harness.ports import HOST
from paseport_testkit.harness.process import START_TIMEOUT_SECONDS, STOP_TIMEOUT_SECONDS, ServerProcess
from paseport_testkit.harness.programs import find_program
from paseport_testkit.harness.service import Service
from paseport_testkit.harness.waiting import wait_until

Milestone: TypeAlias = Literal["ready", "live"]
"""``live`` is as far as a service gets while something that it needs is down."""

_TIMEOUT_SECONDS: Final = 2.0
# Nothing else of the caller's environment reaches a service: its settings are not the ones under test.
_INHERITED: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")


class PaseportService(Service):
    """One process of a service with its two ports."""

    def __init__(
        self,
        name: str,
        package: str,
        folder: Path,
        *,
        ports: tuple[int, int],
        settings: Mapping[str, str],
        clock_skew: timedelta | None = None,
    ) -> None:
        self.host = HOST
        self.port, self.internal_port = ports
        self.clock_skew = clock_skew
        self._milestone: Milestone = "ready"
        environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        environment |= {**settings, "SERVER_PORT": str(self.port), "PASEPORT_INTERNAL_PORT": str(self.internal_port)}
        command: list[str | Path] = [sys.executable, "-m", package]
        if clock_skew is not None:
            # Deadlines are measured with the monotonic clock, which no wrong time of day moves.
            environment["FAKETIME_DONT_FAKE_MONOTONIC"] = "1"
            command = [find_program("faketime"), "-f", f"{clock_skew.total_seconds():+.0f}s", *command]
        folder.mkdir(parents=True, exist_ok=True)
        log = folder / f"{name}.log"
        super().__init__(ServerProcess(name, command, log, self._missing, environment=environment))

    @property
    def name(self) -> str:
        """What it is called in this installation, such as ``issuer-0``."""
        return self.process.name

    @property
    def address(self) -> tuple[str, int]:
        """Where the edge finds it."""
        return self.host, self.port

    @property
    def url(self) -> str:
        """The public port, without the edge before it."""
        return f"http://{self.host}:{self.port}"

    @property
    def internal_url(self) -> str:
        """The internal port: metrics, health, what the services ask each other."""
        return f"http://{self.host}:{self.internal_port}"

    def start(self, until: Milestone = "ready") -> None:
        """Start and wait until it says that it is ready, or only that it lives."""
        self._milestone = until
        super().start()

    def restore(self) -> None:
        """Run and be ready, whatever a test did to it or to what it needs."""
        super().restore()
        self._milestone = "ready"
        wait_until(f"{self.name} is ready again", self._missing, START_TIMEOUT_SECONDS)

    def drain(self, timeout_seconds: float = STOP_TIMEOUT_SECONDS) -> int:
        """Send SIGTERM, wait until it has ended by itself, return its status. Raises ``NotInTime``."""
        self.begin_to_drain()
        return self.process.wait(timeout_seconds)

    def begin_to_drain(self) -> None:
        """Send SIGTERM and return at once."""
        self.process.send(signal.SIGTERM)

    def resident_bytes(self) -> int:
        """Return how much memory it has now (Linux)."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def _missing(self) -> str | None:
        try:
            answer = requests.get(f"{self.internal_url}/health/{self._milestone}", timeout=_TIMEOUT_SECONDS)
        except requests.RequestException as refused:
            return str(refused)
        return None if answer.ok else f"/health/{self._milestone} answers {answer.status_code}: {answer.text}"


class Issuer(PaseportService):
    """``python -m paseport_issuer``."""

    def __init__(
        self,
        name: str,
        folder: Path,
        *,
        ports: tuple[int, int],
        settings: Mapping[str, str],
        clock_skew: timedelta | None = None,
    ) -> None:
        super().__init__(name, "paseport_issuer", folder, ports=ports, settings=settings, clock_skew=clock_skew)


class Api(PaseportService):
    """``python -m paseport_api``."""

    def __init__(
        self,
        name: str,
        folder: Path,
        *,
        ports: tuple[int, int],
        settings: Mapping[str, str],
        clock_skew: timedelta | None = None,
    ) -> None:
        super().__init__(name, "paseport_api", folder, ports=ports, settings=settings, clock_skew=clock_skew)
