"""No server outlives the process that started it, not even one that was killed.

A helper process reads from a pipe which process groups there are, and ends them when the pipe closes. Linux's
PR_SET_PDEATHSIG is not used: it counts the death of the *thread* that started the child, and a server that a worker
thread started would end with that thread. This file is the helper's program too, so it imports the standard library
only.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import threading
from typing import IO


class Lifeline:
    """The helper of this process. It is started at its first use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._helper: subprocess.Popen[bytes] | None = None

    def holds(self, group: int) -> None:
        """End this process group when the calling process is gone."""
        self._tell(f"+{group}\n")

    def lets_go(self, group: int) -> None:
        """Forget a process group, before its number can belong to somebody else."""
        self._tell(f"-{group}\n")

    def _tell(self, line: str) -> None:
        with self._lock:
            if self._helper is None:
                self._helper = _start_helper()
                atexit.register(self._end)
            pipe = _pipe_of(self._helper)
            pipe.write(line.encode())
            pipe.flush()

    def _end(self) -> None:
        if self._helper is not None:
            _pipe_of(self._helper).close()
            self._helper.wait()


def _start_helper() -> subprocess.Popen[bytes]:
    # A session of its own: Ctrl-C reaches the parent alone, which then ends its servers in order.
    command = [sys.executable, "-I", "-S", __file__]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603 - this very file


def _pipe_of(helper: subprocess.Popen[bytes]) -> IO[bytes]:
    if helper.stdin is None:
        raise AssertionError("the helper was started with a pipe")
    return helper.stdin


def _end_what_is_left(lines: IO[bytes]) -> None:
    groups: set[int] = set()
    for line in lines:
        change, group = line[:1], int(line[1:])
        if change == b"+":
            groups.add(group)
        else:
            groups.discard(group)
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


LIFELINE = Lifeline()

if __name__ == "__main__":
    _end_what_is_left(sys.stdin.buffer)
