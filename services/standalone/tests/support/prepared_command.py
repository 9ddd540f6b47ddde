"""The command line in a process that has imported it already.

Most of what a command costs is reading the program: a second of a processor. Here that is done once, in a process that
is forked for each command. Whether the program as it is installed starts at all is for the tests that start it.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
from contextlib import suppress
from functools import cache
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import IO

import pytest
from paseport_standalone.cli import main

_FORKS = multiprocessing.get_context("forkserver")


class PreparedProcess:
    """A command that runs: what ``asyncio.subprocess.Process`` is to a program."""

    def __init__(self, process: BaseProcess, out: asyncio.StreamReader, err: asyncio.StreamReader | None) -> None:
        self._process = process
        self.stdout = out
        self.stderr = err

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs."""
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        """Wait until it has ended."""
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._process.sentinel, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(self._process.sentinel)
        self._process.join()
        assert self.returncode is not None
        return self.returncode

    async def communicate(self) -> tuple[bytes, bytes]:
        """Wait until it has ended, and return the rest of what it had to say."""
        out = await self.stdout.read()
        err = b"" if self.stderr is None else await self.stderr.read()
        await self.wait()
        return out, err


async def start_prepared(
    arguments: tuple[str, ...], environment: dict[str, str], err: IO[bytes] | None = None
) -> PreparedProcess:
    """Start a command that nobody types to. What it says of itself goes to ``err``, or can be read."""
    reads_out, out = os.pipe()
    reads_err, said = os.pipe() if err is None else (None, os.dup(err.fileno()))
    files = (os.open(os.devnull, os.O_RDONLY), out, said)
    process = await asyncio.to_thread(_start, arguments, environment, files)
    return PreparedProcess(process, await _reader(reads_out), None if reads_err is None else await _reader(reads_err))


async def _reader(file: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(file, "rb", buffering=0)
    )
    return reader


def run_prepared(
    arguments: tuple[str, ...], environment: dict[str, str], files: tuple[IO[bytes], ...], timeout_seconds: float
) -> int:
    """Run a command to its end and return its exit code. ``files`` are its standard input, output and error."""
    process = _start(arguments, environment, tuple(os.dup(file.fileno()) for file in files))
    process.join(timeout_seconds)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise TimeoutError(f"paseport {' '.join(arguments)} did not end")
    return process.exitcode


@cache
def _read_the_program() -> None:
    """Start the process that is forked. Of what is not installed it imports what its environment names alone."""
    _FORKS.set_forkserver_preload([__name__, "prepared_program"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        forkserver.ensure_running()


def _start(arguments: tuple[str, ...], environment: dict[str, str], files: tuple[int, ...]) -> BaseProcess:
    _read_the_program()
    # Files are passed on to another process as what the library calls connections.
    handles = [Connection(file) for file in files]
    try:
        process = _FORKS.Process(target=_run, args=(arguments, environment, handles), daemon=True)
        process.start()
    finally:
        for handle in handles:
            handle.close()
    return process


def _run(arguments: tuple[str, ...], environment: dict[str, str], handles: list[Connection]) -> None:
    for number, handle in enumerate(handles):
        os.dup2(handle.fileno(), number)
        handle.close()
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115 - for as long as it lives
    with suppress(FileNotFoundError):  # Linux alone
        Path("/proc/self/comm").write_text("paseport")
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["paseport", *arguments]
    main()
