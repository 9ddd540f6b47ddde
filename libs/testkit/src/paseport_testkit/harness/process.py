"""One server process: started with a log and a ready-check, paused, killed and stopped by its process id."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from paseport_testkit.harness.lifeline import LIFELINE
from paseport_testkit.harness.waiting import NotInTime, wait_until

START_TIMEOUT_SECONDS: Final = 60.0
STOP_TIMEOUT_SECONDS: Final = 20.0
_TAIL_LINES: Final = 40

ReadyCheck = Callable[[], str | None]
"""Answers None when the server can be used, else what is missing."""


class ServerFailed(Exception):
    """A server did not start. The message ends with the last lines of its log."""


def log_in(folder: Path, name: str) -> Path:
    """Return where a server of this name logs, in a folder that exists then."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.log"


class ServerProcess:
    """A process group of this machine. It ends with the process that started it."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        log: Path,
        ready: ReadyCheck,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._command = [str(part) for part in command]
        self._ready = ready
        self._environment = dict(os.environ if environment is None else environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._paused = False

    def __repr__(self) -> str:
        return f"ServerProcess({self.name!r}, pid={self.pid})"

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None and self.is_running else None

    @property
    def is_running(self) -> bool:
        """True while the process exists, paused or not."""
        return self._process is not None and self._process.poll() is None

    @property
    def is_paused(self) -> bool:
        """True between ``pause`` and ``resume``."""
        return self._paused

    def start(self, timeout_seconds: float = START_TIMEOUT_SECONDS) -> None:
        """Start it and wait until it is ready. Raises ``ServerFailed`` with the end of its log."""
        if self.is_running:
            raise ServerFailed(f"{self.name} runs already")
        # Somebody else may have ended it: whatever is left of its group goes first.
        self.kill()
        with self.log.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - programs and arguments of the harness
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                cwd=self.log.parent,
                # A process group of its own: Ctrl-C reaches the harness alone, and workers end with their master.
                start_new_session=True,
            )
        LIFELINE.holds(process.pid)
        self._process = process
        self._paused = False
        try:
            wait_until(f"{self.name} is ready", self._missing, timeout_seconds)
        except NotInTime as late:
            self.kill()
            raise ServerFailed(f"{late}\n{self.log_tail()}") from None
        except BaseException:
            self.kill()
            raise

    def stop(self, timeout_seconds: float = STOP_TIMEOUT_SECONDS) -> None:
        """Ask it to end (SIGTERM), and end it when that takes too long. Nothing happens when it does not run."""
        if self._process is None:
            return
        if self.is_running:
            self.resume()
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout_seconds)
        self.kill()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process itself and return at once. Raises ``ServerFailed`` when it does not run."""
        if self._process is None or not self.is_running:
            raise ServerFailed(f"{self.name} does not run")
        self._process.send_signal(number)

    def wait(self, timeout_seconds: float = STOP_TIMEOUT_SECONDS) -> int:
        """Wait until it has ended by itself and return its status. Raises ``NotInTime``."""
        if self._process is None:
            raise ServerFailed(f"{self.name} does not run")
        try:
            status = self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            raise NotInTime(f"{self.name} has ended: not within {timeout_seconds:g} s") from None
        self.kill()
        return status

    def kill(self) -> None:
        """End it without warning (SIGKILL). Nothing happens when it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        self._paused = False
        # The group, not the process alone: nginx's workers and Redis' savers would live on.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        LIFELINE.lets_go(process.pid)

    def pause(self) -> None:
        """Let it stand still with its connections open (SIGSTOP)."""
        self._signal(signal.SIGSTOP)
        self._paused = True

    def resume(self) -> None:
        """Let it go on after a pause (SIGCONT)."""
        self._signal(signal.SIGCONT)
        self._paused = False

    def log_tail(self) -> str:
        """Return the last lines of the log, each indented."""
        lines = self.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
        return "\n".join(f"    {line}" for line in [f"{self.log}:", *lines])

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None or not self.is_running:
            raise ServerFailed(f"{self.name} does not run")
        os.killpg(self._process.pid, number)

    def _missing(self) -> str | None:
        if self._process is None or not self.is_running:
            status = None if self._process is None else self._process.returncode
            raise ServerFailed(f"{self.name} ended with status {status}\n{self.log_tail()}")
        return self._ready()
