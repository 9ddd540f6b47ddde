"""The yardstick of refreshing under load: ``redis-benchmark`` with the script that advances a family.

Redis' own program in C, 50 connections, no pipelining: more round trips of this script than a Python client could make.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from paseport.redis.script import Argument, ScriptCall
from paseport_shared.adapters.redis.refresh_scripts import ADVANCE, OPEN
from paseport_testkit.harness.redis import RedisNode

from bench.figures import BenchProblem
from bench.processes import cpu_seconds, pin

PROGRAM: Final = "redis-benchmark"
_CONNECTIONS: Final = 50
_FAMILIES: Final = 64
_GENERATION: Final = 7
_LIFE_MILLISECONDS: Final = 3_600_000
_GRACE: Final = 10_000_000
_MOST_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Rate:
    """``cpu_us`` is what the Redis node worked for each request, in microseconds."""

    per_second: float
    cpu_us: float


class RedisBenchmark:
    """Families on a node that the script can advance for ever."""

    def __init__(self, node: RedisNode) -> None:
        self._node = node
        self._now = time.time_ns() // 1000

    def open_families(self) -> None:
        """Store them, and check that what is measured is a rotation each time. Raises ``BenchProblem``."""
        with self._node.admin() as client:
            ask: Any = client.execute_command
            ask("SCRIPT", "LOAD", self.advance_first().by_source[1])
            for number in range(_FAMILIES):
                ask(*self._opening(_family(f"{number:012}")).by_source)
            answers = [ask(*self.advance_first().by_digest)[0] for _ in range(3)]
        if answers != ["rotate"] * 3:
            raise BenchProblem(f"the script answers {answers}")

    def advance_first(self) -> ScriptCall:
        """Return a call for one of the families."""
        return self._advance(_family("0" * 12))

    async def run(self, requests: int) -> Rate:
        """Advance random families so many times. Raises ``BenchProblem``."""
        node, user = self._node, self._node.users.operator
        if node.process.pid is None:
            raise BenchProblem(f"{node} has ended")
        options = ("-h", node.host, "-p", node.port, "--user", user.username, "-a", user.password, "--csv")
        load = ("-c", _CONNECTIONS, "-n", requests, "-r", _FAMILIES)
        cpu = cpu_seconds(node.process.pid)
        output = await _output_of([PROGRAM, *options, *load, *self._advance(_family("__rand_int__")).by_digest])
        cpu = cpu_seconds(node.process.pid) - cpu
        try:
            # The command itself comes first, with its quotation marks: "…","12345.67","0.250",…
            per_second = float(output.splitlines()[-1].split('","')[1])
        except (IndexError, ValueError) as error:
            raise BenchProblem(f"{PROGRAM} said: {output}") from error
        return Rate(per_second, cpu / requests * 1e6)

    def _advance(self, family_id: str) -> ScriptCall:
        # The successor is what is presented: a rotation with all its writes, as often as one likes.
        life = _LIFE_MILLISECONDS * 1000
        return ADVANCE([_key(family_id)], _GENERATION, _GENERATION, self._now, _GRACE, life, 1)

    def _opening(self, family_id: str) -> ScriptCall:
        expires_at = self._now + _LIFE_MILLISECONDS * 1000
        return OPEN([_key(family_id)], "bench", "{}", _GENERATION, "", 0, self._now, expires_at, _LIFE_MILLISECONDS)


def _family(number: str) -> str:
    """Return an id as long as a real one."""
    return f"benchmark0{number}"


def _key(family_id: str) -> str:
    return f"refresh_token:by_token:{family_id}"


async def _output_of(command: Sequence[Argument]) -> str:
    process = await asyncio.create_subprocess_exec(
        *(str(part) for part in command), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    pin(process.pid, 0)
    try:
        output, _ = await asyncio.wait_for(process.communicate(), _MOST_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise BenchProblem(f"{PROGRAM} did not end within {_MOST_SECONDS:.0f} s") from None
    if process.returncode:
        raise BenchProblem(f"{PROGRAM} ended with {process.returncode}: {output.decode()}")
    return output.decode()
