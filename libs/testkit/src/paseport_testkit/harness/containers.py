"""The same servers in containers, where a Docker engine answers and the programs are not installed.

A container shares the host's network and sees the server's folders at the same paths, so that command lines, ports and
configurations are those of a process. That asks for an engine on Linux. This module has been run on no machine with an
engine yet; what chooses between the two ways is tested.
"""

from __future__ import annotations

import gc
import os
import subprocess
import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from paseport_testkit.harness.process import (
    START_TIMEOUT_SECONDS,
    STOP_TIMEOUT_SECONDS,
    ReadyCheck,
    ServerFailed,
    ServerProcess,
)
from paseport_testkit.harness.programs import TOXIPROXY, VAULT, find_program, is_installed
from paseport_testkit.harness.waiting import NotInTime, wait_until

IMAGES: Final = {
    "mariadbd": ("mariadb:10.11", "mariadbd"),
    "mariadb-install-db": ("mariadb:10.11", "mariadb-install-db"),
    "redis-server": ("redis:7.2-bookworm", "redis-server"),
    VAULT: ("hashicorp/vault:1.21.2", "vault"),
    TOXIPROXY: ("ghcr.io/shopify/toxiproxy:2.5.0", "/toxiproxy"),
}
"""Where there is an image for a program, and what the program is called in it. nginx and faketime have none here."""

_ENGINE_TIMEOUT_SECONDS: Final = 2


def run_in_container(program: str) -> bool:
    """Return whether a program is to run in a container: when asked for, or where it is not installed."""
    if program not in IMAGES:
        return False
    if os.environ.get("PASEPORT_TEST_CONTAINERS") == "1":
        if not engine_answers():
            raise ServerFailed("PASEPORT_TEST_CONTAINERS=1, but no Docker engine answers")
        return True
    return not is_installed(program) and engine_answers()


@cache
def engine_answers() -> bool:
    """Return whether a Docker engine answers within two seconds. A docker command on the PATH proves nothing."""
    # By name, because mypy takes the repository's own folder docker/ for it; late, because it loads slowly.
    docker: Any = import_module("docker")
    with warnings.catch_warnings():
        # The driver forgets to close its connection to an engine that says nothing.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            with closing(docker.from_env(timeout=_ENGINE_TIMEOUT_SECONDS)) as client:
                client.ping()
        except docker.errors.DockerException:
            answered = False
        else:
            answered = True
        gc.collect()
    return answered


def server(
    name: str,
    program: str,
    arguments: Sequence[str | Path],
    log: Path,
    ready: ReadyCheck,
    *,
    folders: Iterable[Path],
    environment: Mapping[str, str] | None = None,
) -> ServerProcess:
    """Return a server, which runs one of the programs above or any other one. Raises ``MissingPrograms``.

    ``folders`` are those that it has to see.
    """
    if run_in_container(program):
        return ServerContainer(name, program, arguments, log, ready, folders)
    return ServerProcess(name, [find_program(program), *arguments], log, ready, environment=environment)


def run_once(program: str, arguments: Sequence[str | Path], log: Path, *, folder: Path) -> None:
    """Run a program to its end. Raises ``ServerFailed`` with what it said, and ``MissingPrograms``."""
    words = [str(word) for word in arguments]
    if run_in_container(program):
        container = _container(program, words, [folder]).start()
        status, said = container.wait(), b"".join(container.get_logs())
        container.stop()
        log.write_bytes(said)
    else:
        with log.open("wb") as output:
            command = [str(find_program(program)), *words]
            done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=False)  # noqa: S603 - ours
        status = done.returncode
    if status != 0:
        raise ServerFailed(f"{program} failed\n{log.read_text(errors='replace')}")


class ServerContainer(ServerProcess):
    """A server in a container, which is removed when the server ends: its data is in its folders."""

    def __init__(
        self,
        name: str,
        program: str,
        arguments: Sequence[str | Path],
        log: Path,
        ready: ReadyCheck,
        folders: Iterable[Path],
    ) -> None:
        super().__init__(name, [program, *arguments], log, ready)
        self._program = program
        self._arguments = [str(argument) for argument in arguments]
        self._check = ready
        self._folders = list(folders)
        self._container: Any = None

    @property
    def pid(self) -> int | None:
        """The process id on the host while it runs."""
        state = self._state()
        return int(state["Pid"]) if state.get("Running") else None

    @property
    def is_running(self) -> bool:
        """True while the container runs, paused or not."""
        return bool(self._state().get("Running"))

    @property
    def is_paused(self) -> bool:
        """True between ``pause`` and ``resume``."""
        return bool(self._state().get("Paused"))

    def start(self, timeout_seconds: float = START_TIMEOUT_SECONDS) -> None:
        """Start a new container and wait until it is ready. Raises ``ServerFailed`` with the end of its log."""
        if self.is_running:
            raise ServerFailed(f"{self.name} runs already")
        self.kill()
        self._container = _container(self._program, self._arguments, self._folders).start()
        try:
            wait_until(f"{self.name} is ready", self._not_ready, timeout_seconds)
        except NotInTime as late:
            self.kill()
            raise ServerFailed(f"{late}\n{self.log_tail()}") from None
        except BaseException:
            self.kill()
            raise

    def stop(self, timeout_seconds: float = STOP_TIMEOUT_SECONDS) -> None:
        """Ask it to end, and end it when that takes too long."""
        if self.is_paused:
            self.resume()
        if self.is_running:
            self._container.get_wrapped_container().stop(timeout=int(timeout_seconds))
        self.kill()

    def kill(self) -> None:
        """End it without warning, and remove the container."""
        container, self._container = self._container, None
        if container is not None:
            with self.log.open("ab") as log:
                log.writelines(container.get_logs())
            container.stop(force=True)

    def pause(self) -> None:
        """Let it stand still with its connections open."""
        self._container.get_wrapped_container().pause()

    def resume(self) -> None:
        """Let it go on after a pause."""
        self._container.get_wrapped_container().unpause()

    def send(self, number: int) -> None:
        """Send a signal and return at once."""
        self._container.get_wrapped_container().kill(signal=int(number))

    def wait(self, timeout_seconds: float = STOP_TIMEOUT_SECONDS) -> int:
        """Wait until it has ended by itself and return its status. Raises ``NotInTime``."""
        wait_until(f"{self.name} has ended", lambda: "it runs" if self.is_running else None, timeout_seconds)
        status = int(self._state()["ExitCode"])
        self.kill()
        return status

    def _state(self) -> dict[str, Any]:
        if self._container is None:
            return {}
        wrapped = self._container.get_wrapped_container()
        wrapped.reload()
        state: dict[str, Any] = wrapped.attrs["State"]
        return state

    def _not_ready(self) -> str | None:
        if not self.is_running:
            self.kill()
            raise ServerFailed(f"{self.name} ended\n{self.log_tail()}")
        return self._check()


def _container(program: str, arguments: list[str], folders: Iterable[Path]) -> Any:
    # Loads slowly, and is mostly not needed. Its helper container removes what a killed test run leaves.
    from testcontainers.core.container import DockerContainer

    image, name_in_image = IMAGES[program]
    container = DockerContainer(image).with_command(arguments)
    for folder in folders:
        container.with_volume_mapping(str(folder), str(folder), "rw")
    return container.with_kwargs(
        network_mode="host",
        entrypoint=[name_in_image],
        user=f"{os.geteuid()}:{os.getegid()}",
        # Vault's file asks for this capability, and does not start without it.
        cap_add=["IPC_LOCK"],
    )
