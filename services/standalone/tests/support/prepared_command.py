"""The command line in a process that has imported it already.

Most of what a command costs is reading the program: half a second. Here that is done once, in a process that is forked
for each command. Whether the program as it is installed starts at all is for the tests that start it.
"""

from __future__ import annotations

import multiprocessing
import os
import pkgutil
import sys
from multiprocessing.connection import Connection
from typing import IO

import paseport_standalone
from paseport_standalone.cli import main

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [module.name for module in pkgutil.walk_packages(paseport_standalone.__path__, "paseport_standalone.")]
)


def run_prepared(
    arguments: tuple[str, ...], environment: dict[str, str], files: tuple[IO[bytes], ...], timeout_seconds: float
) -> int:
    """Run a command to its end and return its exit code. ``files`` are its standard input, output and error."""
    # Files are passed on to another process as what the library calls connections.
    handles = [Connection(os.dup(file.fileno())) for file in files]
    try:
        process = _FORKS.Process(target=_run, args=(arguments, environment, handles))
        process.start()
        process.join(timeout_seconds)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise TimeoutError(f"paseport {' '.join(arguments)} did not end")
        return process.exitcode
    finally:
        for handle in handles:
            handle.close()


def _run(arguments: tuple[str, ...], environment: dict[str, str], handles: list[Connection]) -> None:
    for number, handle in enumerate(handles):
        os.dup2(handle.fileno(), number)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115 - for as long as it lives
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["paseport", *arguments]
    main()
