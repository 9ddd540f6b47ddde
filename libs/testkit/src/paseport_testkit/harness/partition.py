"""Partitions of a cluster: who of its parts and its clients hears whom."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final

from paseport_testkit.harness import switchboard
from paseport_testkit.harness.ports import free_ports
from paseport_testkit.harness.process import ServerProcess, log_in
from paseport_testkit.harness.service import Service
from paseport_testkit.harness.switchboard import CLIENTS, Plan, Target

_ANSWER_TIMEOUT_SECONDS: Final = 5.0
_FIRST_SOURCE: Final = "127.0.1.1"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part of the cluster is: where it listens, where others find it, and where it connects from."""

    port: int
    announced_port: int
    source: str | None


class Network(Service):
    """Stands between the parts, which are given by name. Everybody reaches everybody until something is cut.

    Needs the whole of 127.0.0.0/8 on the loopback interface, which Linux has.
    """

    def __init__(self, folder: Path, names: Collection[str], *, logs: Path | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        control, *ports = free_ports(1 + 2 * len(names))
        base = _FIRST_SOURCE.rsplit(".", 1)[0]
        self.places = {
            name: Place(port=ports[2 * number], announced_port=ports[2 * number + 1], source=f"{base}.{number + 1}")
            for number, name in enumerate(names)
        }
        self._names = frozenset(names)
        self._control = control
        self._cut: frozenset[tuple[str, str]] = frozenset()
        plan = folder / "network.json"
        Plan(
            control_port=control,
            targets=[Target(name, place.announced_port, place.port) for name, place in self.places.items()],
            sources={place.source: name for name, place in self.places.items() if place.source is not None},
        ).write(plan)
        command = (sys.executable, "-I", "-S", switchboard.__file__, plan)
        super().__init__(ServerProcess("network", command, log_in(logs or folder, "network"), self._missing))

    @property
    def is_cut(self) -> bool:
        """True until everything is healed."""
        return bool(self._cut)

    def cut(self, sources: Collection[str], targets: Collection[str]) -> None:
        """Let ``sources`` no longer reach ``targets``; the connections that targets open are not meant."""
        self._apply(self._cut | {(source, target) for source, target in product(sources, targets) if source != target})

    def separate(self, one_side: Collection[str]) -> None:
        """Let one side and everybody else no longer reach each other; ``CLIENTS`` may be named as a part."""
        everybody = self._names | {CLIENTS}
        other_side = everybody - set(one_side)
        pairs = {*product(one_side, other_side - {CLIENTS}), *product(other_side, set(one_side) - {CLIENTS})}
        self._apply(self._cut | pairs)

    def heal(self) -> None:
        """Let everybody reach everybody. What was held back is lost, its connections are closed."""
        self._apply(frozenset())

    def restore(self) -> None:
        """Run, with nothing cut."""
        super().restore()
        if self.is_cut:
            self.heal()

    def _apply(self, pairs: frozenset[tuple[str, str]]) -> None:
        with socket.create_connection((switchboard.HOST, self._control), _ANSWER_TIMEOUT_SECONDS) as control:
            control.sendall(json.dumps(sorted(pairs)).encode() + b"\n")
            if control.recv(64) != b"done\n":
                raise ConnectionError("the network did not take the cut")
        self._cut = pairs

    def _missing(self) -> str | None:
        try:
            socket.create_connection((switchboard.HOST, self._control), _ANSWER_TIMEOUT_SECONDS).close()
        except OSError as refused:
            return str(refused)
        return None


def places_without_network(names: Collection[str]) -> Mapping[str, Place]:
    """Return places for parts that reach each other directly."""
    ports = free_ports(len(names))
    return {name: Place(port, port, None) for name, port in zip(names, ports, strict=True)}
