"""Free ports on loopback."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Final

HOST: Final = "127.0.0.1"

_LOWEST: Final = 10_240
_TRIES: Final = 1_000
_RANGE_FILE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_IANA_EPHEMERAL: Final = 49_152
"""Where outgoing connections take their ports from (RFC 6335 §6), on systems that do not say otherwise."""


def free_ports(count: int) -> list[int]:
    """Return ports that nothing listens on. All are held until the last is found, so that they differ.

    Outgoing connections never take one of them: a server that is down for a while finds its port free again, and a
    client that tries it meanwhile cannot by chance be connected to itself.
    """
    highest = _first_ephemeral_port() - 1
    found: list[int] = []
    with ExitStack() as held:
        for _ in range(_TRIES):
            if len(found) == count:
                return found
            port = random.randint(_LOWEST, highest)  # noqa: S311 - spreads test runs beside each other, guards nothing
            listener = held.enter_context(socket.socket())
            try:
                listener.bind((HOST, port))
            except OSError:
                continue
            found.append(port)
    raise OSError(f"no {count} free ports between {_LOWEST} and {highest}")


def free_port() -> int:
    """Return one port that nothing listens on."""
    return free_ports(1)[0]


def _first_ephemeral_port() -> int:
    try:
        return int(_RANGE_FILE.read_text().split()[0])
    except OSError:
        return _IANA_EPHEMERAL


def is_free(port: int) -> bool:
    """True while nothing listens on a port of loopback."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            return False
    return True
