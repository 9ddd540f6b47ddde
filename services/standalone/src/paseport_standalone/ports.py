"""Taking the two ports, and finding out who has them."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path
from typing import Final

HOST: Final = "127.0.0.1"
"""The one address of this mode: it speaks http, and passwords must not cross a network in clear."""
_HOST_6: Final = "::1"
_BACKLOG: Final = 2048
_LISTEN: Final = "0A"
"""A socket's state in the kernel's table."""


def origin_of(port: int) -> str:
    """Return the origin of this mode, without a port where http has it by default (RFC 6454 §6.2)."""
    return "http://localhost" if port == 80 else f"http://localhost:{port}"


class PortTaken(Exception):
    """A port cannot be had; ``str()`` names it and the variable that chooses another, in one line."""


def listen(port: int, variable: str) -> socket.socket:
    """Return a socket that listens on this port of the loopback address; 0 takes any free one. Raises ``PortTaken``.

    Who connects from now on waits until somebody accepts.
    """
    try:
        listener = socket.create_server((HOST, port), backlog=_BACKLOG)
        try:
            _refuse_rival(listener.getsockname()[1])
        except OSError:
            listener.close()
            raise
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            why = f"is in use by {describe_owner(port)}"
            advice = "Stop that program, or choose another port"
        else:
            why = f"cannot be used: {os.strerror(error.errno) if error.errno else error}"
            advice = "Choose another port"
        raise PortTaken(f"Port {port} {why}. {advice}: {variable}=<port>.") from error
    return listener


def is_free(port: int) -> bool:
    """Say whether this port could be had now."""
    try:
        socket.create_server((HOST, port)).close()
        _refuse_rival(port)
    except OSError:
        return False
    return True


def _refuse_rival(port: int) -> None:
    """Raise ``OSError`` where another program has this port of ``::1``.

    A browser takes that address first for ``localhost``, so passwords would be typed into that program.
    """
    try:
        socket.create_server((_HOST_6, port), family=socket.AF_INET6).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise  # any other error means that this machine has no such address


def describe_owner(port: int) -> str:
    """Return who listens on a port in words; which program that is, is known on Linux, of this user's processes."""
    inodes = _listening_inodes(port)
    for process in Path("/proc").glob("[0-9]*"):
        try:
            opened = {os.readlink(descriptor) for descriptor in (process / "fd").iterdir()}
        except OSError:
            continue  # ended meanwhile, or of another user
        if not opened.isdisjoint(inodes):
            return f"process {process.name} ({_name_of(process)})"
    return "another program"


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    return inodes


def _name_of(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "ended"
