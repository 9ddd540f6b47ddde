"""A program between the parts of a cluster: whom a connection comes from decides whether it gets through.

Bad links to one server are toxiproxy's work. A partition is different: the same address has to answer some and be
silent to others, because Sentinels, replicas and clients all know a node by the one address that it announces. So each
part of the cluster connects from a loopback address of its own, and this program stands before each of them.

A cut pair is silent, as in a network that lost a cable: its connections stay open and carry nothing, new ones are
accepted and carry nothing. When a cut ends, what it held back is lost and its connections are closed.

Run as ``python switchboard.py PLAN.json``; it imports the standard library only. Each line that arrives at the control
port is the whole list of cut pairs, ``[[source, target], …]``, and is answered when it is in force.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

HOST: Final = "127.0.0.1"
CLIENTS: Final = "clients"
"""Whoever connects from no address of the plan."""
_BACKLOG: Final = 1024
"""Everybody comes back at once after a failover. Who finds the queue full tries again a second later: an outage."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where one part of the cluster is announced, and where it really listens."""

    name: str
    announced_port: int
    port: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The parts of a cluster: their ports, and the addresses from which they connect."""

    control_port: int
    targets: list[Target]
    sources: dict[str, str]

    def write(self, path: Path) -> None:
        """Keep it in a file."""
        targets = [[target.name, target.announced_port, target.port] for target in self.targets]
        path.write_text(json.dumps({"control": self.control_port, "targets": targets, "sources": self.sources}))

    @classmethod
    def read(cls, path: Path) -> Plan:
        """Read it again."""
        plan: Any = json.loads(path.read_text())
        return cls(plan["control"], [Target(*target) for target in plan["targets"]], plan["sources"])


class _End(asyncio.Protocol):
    """One end of a connection; ``on_bytes`` and ``on_end`` belong to the pair."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: _End | None = None
        self.on_connected: Callable[[_End], object] | None = None
        self.on_lost: Callable[[], None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a stream was asked for")
        self.transport = transport
        if self.on_connected is not None:
            self.on_connected(self)

    def data_received(self, data: bytes) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.on_lost is not None:
            self.on_lost()

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None and not self.other.transport.is_closing():
            self.other.transport.resume_reading()


class _Connection:
    """From one part to another: two ends, joined unless the pair is cut."""

    def __init__(self, board: Switchboard, near: _End, pair: tuple[str, str], port: int) -> None:
        self.pair = pair
        self._board = board
        self._near = near
        self._far: _End | None = None
        self._port = port
        near.on_lost = self.end

    async def join(self) -> None:
        """Connect through to the target."""
        far = _End()
        far.on_lost = self.end
        try:
            await asyncio.get_running_loop().create_connection(lambda: far, HOST, self._port)
        except OSError:
            self.end()
            return
        self._far = far
        if self._near.transport is None or self._near.transport.is_closing():
            self.end()
            return
        self._near.other, far.other = far, self._near
        if self.pair in self._board.cut:
            self.freeze()
        else:
            self._near.transport.resume_reading()

    def freeze(self) -> None:
        """Carry nothing from now on, in either direction."""
        for end in (self._near, self._far):
            if end is not None and end.transport is not None and not end.transport.is_closing():
                end.other = None
                end.transport.pause_reading()

    def end(self) -> None:
        """Close both ends."""
        self._board.connections.discard(self)
        for end in (self._near, self._far):
            if end is not None and end.transport is not None:
                end.transport.close()


class Switchboard:
    """All connections of a cluster, and which pairs are cut."""

    def __init__(self, plan: Plan) -> None:
        self.cut: frozenset[tuple[str, str]] = frozenset()
        self.connections: set[_Connection] = set()
        self._plan = plan
        self._joining: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Stand before each target until the program is ended."""
        loop = asyncio.get_running_loop()
        for target in self._plan.targets:
            await loop.create_server(partial(self._accepting, target), HOST, target.announced_port, backlog=_BACKLOG)
        control = await asyncio.start_server(self._obey, HOST, self._plan.control_port)
        await control.serve_forever()

    def _accepting(self, target: Target) -> _End:
        near = _End()
        # A moment later: who is told not to read while it is made reads all the same (CPython gh-103607, up to 3.11.3).
        loop = asyncio.get_running_loop()
        near.on_connected = lambda end: loop.call_soon(self._accepted, end, target)
        return near

    def _accepted(self, near: _End, target: Target) -> None:
        if near.transport is None:
            raise AssertionError("it was just connected")
        near.transport.pause_reading()
        address = near.transport.get_extra_info("peername")[0]
        connection = _Connection(self, near, (self._plan.sources.get(address, CLIENTS), target.name), target.port)
        self.connections.add(connection)
        if connection.pair not in self.cut:
            joining = asyncio.ensure_future(connection.join())
            self._joining.add(joining)
            joining.add_done_callback(self._joining.discard)

    async def _obey(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            before, self.cut = self.cut, frozenset((source, target) for source, target in json.loads(line))
            for connection in tuple(self.connections):
                if connection.pair in self.cut - before:
                    connection.freeze()
                elif connection.pair in before - self.cut:
                    connection.end()
            writer.write(b"done\n")
            await writer.drain()
        writer.close()


if __name__ == "__main__":
    asyncio.run(Switchboard(Plan.read(Path(sys.argv[1]))).serve())
