"""The public documents beside an empty handler of the same framework under the same server."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.empty_app import EMPTY_REQUEST
from bench.figures import BenchProblem, Bound, Figure, Gate, figure_of
from bench.issuer import LOWEST_COST, ORIGIN
from bench.load import Generator, Job, Measured, generator
from bench.processes import pin, read_line, started
from bench.product import Product

_ROUNDS: Final = 5
_CONNECTIONS: Final = 16
_WARM_UP_SECONDS: Final = 0.5
_SECONDS: Final = 2.0
_DOCUMENTS: Final = {
    "discovery": "/.well-known/openid-configuration",
    "key set of ID tokens": "/.well-known/jwks.json",
    "keys of access tokens": "/.well-known/paserk.json",
}


async def measure_documents() -> Sequence[Figure]:
    """Take turns on one processor: nothing, then each document. The load comes from the other processor."""
    nothing: list[Measured] = []
    read: dict[str, list[Measured]] = {name: [] for name in _DOCUMENTS}
    with tempfile.TemporaryDirectory(prefix="paseport-bench-") as folder:
        log = Path(folder) / "log"
        async with (
            started("python", "-m", "bench.issuer", str(LOWEST_COST), "0", log=log) as issuer,
            started("python", "-m", "bench.empty_app", "litestar", log=log) as empty,
            generator(log) as load,
        ):
            product = Product(issuer.pid, int(await read_line(issuer, log, 60)), origin=ORIGIN)
            empty_port = int(await read_line(empty, log))
            for pid in (empty.pid, product.pid):
                pin(pid, 0)
            for _ in range(_ROUNDS):
                nothing.append(await _run(load, empty_port, empty.pid, EMPTY_REQUEST))
                for name, path in _DOCUMENTS.items():
                    read[name].append(await _run(load, product.port, product.pid, product.request("GET", path)))
    figures = [
        figure_of("empty handler", "/s", [one.requests_per_second for one in nothing]),
        figure_of("… CPU of the server", "µs", [one.cpu_us for one in nothing]),
    ]
    for name, measured in read.items():
        ratios = [
            own.requests_per_second / base.requests_per_second for own, base in zip(measured, nothing, strict=True)
        ]
        figures += [
            figure_of(name, "/s", [one.requests_per_second for one in measured]),
            figure_of("… CPU of the issuer", "µs", [one.cpu_us for one in measured]),
            figure_of(f"{name} ÷ empty handler, requests/s", "", ratios, Gate(Bound.AT_LEAST, 0.7)),
        ]
    return figures


async def _run(load: Generator, port: int, pid: int, request: bytes) -> Measured:
    measured = await load.run(Job(port, pid, [request] * _CONNECTIONS, _WARM_UP_SECONDS, _SECONDS))
    if measured.wrong or not measured.requests:
        raise BenchProblem(f"{measured.wrong} of {measured.requests} requests were not answered with 200")
    return measured
