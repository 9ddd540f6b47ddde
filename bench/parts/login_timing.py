"""Whether the time of a refused sign-in tells an account that exists from one that does not (LG-01, LG-02, P8).

At the product's own cost 6,000 sign-ins would take half an hour, so the hashes are cheap here: cost 6 is a 64th of the
work. Whatever else differs weighs 64 times as much beside it, so the gate is stricter than it reads.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.figures import Bound, Figure, Gate, figure_of
from bench.http import connections, request
from bench.processes import read_line, started
from bench.product import PASSWORD, expect

_COST: Final = 6
_BLOCKS: Final = 4
_SAMPLES: Final = 500
"""Of each kind in one block."""
_TRIES: Final = 8
"""On one account: the tenth would be the last one allowed."""
_KINDS: Final = ("unknown user", "wrong password", "disabled user")
_GATE: Final = Gate(Bound.AT_MOST, 5)


async def measure_login_timing() -> Sequence[Figure]:
    """Sign in wrongly in three ways in turn, over one connection, and compare the medians."""
    accounts = -(-_BLOCKS * _SAMPLES // _TRIES)
    blocks: list[dict[str, list[float]]] = []
    with tempfile.TemporaryDirectory(prefix="paseport-bench-") as folder:
        log = Path(folder) / "log"
        async with started("python", "-m", "bench.issuer", str(_COST), str(accounts), log=log) as server:
            port = int(await read_line(server, log, 90))
            async with connections(port, 1) as (connection,):
                for block in range(_BLOCKS):
                    samples: dict[str, list[float]] = {kind: [] for kind in _KINDS}
                    for number in range(block * _SAMPLES, (block + 1) * _SAMPLES):
                        # Each kind comes first, second and third equally often.
                        for turn in range(len(_KINDS)):
                            kind = _KINDS[(number + turn) % len(_KINDS)]
                            message = _attempt(kind, number)
                            began = time.perf_counter()
                            answer = await connection.ask(message)
                            samples[kind].append((time.perf_counter() - began) * 1e3)
                            expect(answer, 401)
                    blocks.append(samples)
    medians = [
        figure_of(f"{kind}, cost {_COST}", "ms", [statistics.median(block[kind]) for block in blocks])
        for kind in _KINDS
    ]
    pairs = [(_KINDS[0], _KINDS[1]), (_KINDS[2], _KINDS[1]), (_KINDS[0], _KINDS[2])]
    return [*medians, *(_difference(blocks, one, other) for one, other in pairs)]


def _attempt(kind: str, number: int) -> bytes:
    account, password = {
        "unknown user": (f"nobody{number // _TRIES:05}", PASSWORD),
        "wrong password": (f"active{number // _TRIES:05}", f"{PASSWORD[:-1]}?"),
        # With the right password: only the state of the account refuses.
        "disabled user": (f"closed{number // _TRIES:05}", PASSWORD),
    }[kind]
    headers = {"Host": "localhost", "Origin": "http://localhost", "X-CSRF": "1"}
    return request("POST", "/auth/v1/login/local", headers, {"username": account, "password": password})


def _difference(blocks: Sequence[dict[str, list[float]]], one: str, other: str) -> Figure:
    """Return how far the medians of all samples are apart; the blocks show how much that wanders."""

    def percent(first: Sequence[float], second: Sequence[float]) -> float:
        return abs(statistics.median(first) / statistics.median(second) - 1) * 100

    rounds = [percent(block[one], block[other]) for block in blocks]
    whole = percent(
        [sample for block in blocks for sample in block[one]], [sample for block in blocks for sample in block[other]]
    )
    what = f"{one} ÷ {other}, {_BLOCKS * _SAMPLES} samples each"
    return Figure(what, "% apart", min(rounds), whole, max(rounds), _GATE)
