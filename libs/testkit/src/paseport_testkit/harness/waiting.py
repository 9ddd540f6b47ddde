"""Waiting for something that a server says by itself, with a deadline and the last reason in the error."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

_FIRST_PAUSE_SECONDS: Final = 0.01
_LONGEST_PAUSE_SECONDS: Final = 0.1


class NotInTime(Exception):
    """Something did not become true before its deadline; the message ends with what was missing last."""


def wait_until(what: str, missing: Callable[[], str | None], timeout_seconds: float) -> None:
    """Ask ``missing`` until it answers None. Raises ``NotInTime`` with its last answer."""
    deadline = time.monotonic() + timeout_seconds
    pause = _FIRST_PAUSE_SECONDS
    while (reason := missing()) is not None:
        if time.monotonic() >= deadline:
            raise NotInTime(f"{what}: not within {timeout_seconds:g} s: {reason}")
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
