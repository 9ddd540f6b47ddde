"""Free ports on loopback."""

from __future__ import annotations

import atexit
import os
import random
import socket
from pathlib import Path
from typing import Final

HOST: Final = "127.0.0.1"

_LOWEST: Final = 10_240
_BLOCK: Final = 64
"""How many ports a process takes for itself at a time."""
_RANGE_FILE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_IANA_EPHEMERAL: Final = 49_152
"""Where outgoing connections take their ports from (RFC 6335 §6), on systems that do not say otherwise."""


class _Ports:
    """Ports that one process gives to its servers, none of them twice.

    Between the moment when a port is found free and the one when a server listens on it, another process could find it
    free too. So a process takes blocks of ports, and holds the first port of each bound for as long as it lives: that
    is what others see. Nothing of it is left when the process ends, however it does.
    """

    def __init__(self) -> None:
        self._process = os.getpid()
        self._holds: list[socket.socket] = []
        self._left: list[int] = []

    def take(self) -> int:
        while True:
            if not self._left:
                self._left = self._take_block()
            port = self._left.pop(0)
            # A server that is none of ours may have it.
            if is_free(port):
                return port

    @property
    def is_of_this_process(self) -> bool:
        return self._process == os.getpid()

    def _take_block(self) -> list[int]:
        blocks = list(range(_LOWEST, _first_ephemeral_port() - _BLOCK + 1, _BLOCK))
        random.shuffle(blocks)
        for first in blocks:
            hold = socket.socket()
            try:
                hold.bind((HOST, first))
            except OSError:
                hold.close()
                continue
            self._holds.append(hold)
            atexit.register(hold.close)
            return list(range(first + 1, first + _BLOCK))
        raise OSError(f"no free ports from {_LOWEST} on")


_ports = _Ports()


def free_ports(count: int) -> list[int]:
    """Return ports that nothing listens on, and that no other process is given which asks here too.

    Outgoing connections never take one of them: a server that is down for a while finds its port free again, and a
    client that tries it meanwhile cannot by chance be connected to itself.
    """
    global _ports
    if not _ports.is_of_this_process:
        _ports = _Ports()
    return [_ports.take() for _ in range(count)]


def free_port() -> int:
    """Return one such port."""
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
