"""The dashboard of the whole product beside an empty handler of the same framework under the same server.

Printed only: the budget of the route is that of ``verify``, where nothing but the api is in the process.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.empty_app import EMPTY_REQUEST
from bench.figures import BenchProblem, Figure, figure_of
from bench.load import Generator, Job, Measured, generator
from bench.processes import pin, read_line, started
from bench.product import ADMIN, running_with, sign_in_each

_ROUNDS: Final = 5
_CONNECTIONS: Final = 16
_USERS: Final = 8
_WARM_UP_SECONDS: Final = 0.5
_SECONDS: Final = 2.5


async def measure_dashboard() -> Sequence[Figure]:
    """Take turns on one processor: nothing, the dashboard of users, the dashboard of an admin.

    Every connection has a token of its own, two to a user, and the load comes from the other processor.
    """
    nothing, of_users, of_admin = [], [], []
    with tempfile.TemporaryDirectory(prefix="paseport-bench-") as folder:
        log = Path(folder) / "log"
        async with (
            running_with(_USERS) as (product, users),
            started("python", "-m", "bench.empty_app", "litestar", log=log) as empty,
            generator(log) as load,
        ):
            empty_port = int(await read_line(empty, log))
            tokens = await sign_in_each(product, users, _CONNECTIONS // _USERS)
            admin = await sign_in_each(product, [ADMIN], 1)
            for pid in (empty.pid, product.pid):
                pin(pid, 0)
            user_requests = [product.dashboard(token.access_token) for token in tokens]
            admin_requests = [product.dashboard(admin[0].access_token)] * _CONNECTIONS
            for _ in range(_ROUNDS):
                nothing.append(await _run(load, empty_port, empty.pid, [EMPTY_REQUEST] * _CONNECTIONS))
                of_users.append(await _run(load, product.port, product.pid, user_requests))
                of_admin.append(await _run(load, product.port, product.pid, admin_requests))
    return [
        *_figures("empty handler", nothing),
        *_figures("dashboard", of_users),
        *_figures("dashboard of an admin", of_admin),
        figure_of("dashboard ÷ empty handler, requests/s", "", _ratios(of_users, nothing)),
        figure_of(
            "empty handler ÷ dashboard, CPU",
            "",
            [base.cpu_us / own.cpu_us for own, base in zip(of_users, nothing, strict=True)],
        ),
        figure_of("dashboard of an admin ÷ empty handler, requests/s", "", _ratios(of_admin, nothing)),
    ]


async def _run(load: Generator, port: int, pid: int, requests: list[bytes]) -> Measured:
    measured = await load.run(Job(port, pid, requests, _WARM_UP_SECONDS, _SECONDS))
    if measured.wrong or not measured.requests:
        raise BenchProblem(f"{measured.wrong} of {measured.requests} answers were not 200")
    return measured


def _figures(what: str, rounds: Sequence[Measured]) -> list[Figure]:
    return [
        figure_of(what, "requests/s", [measured.requests_per_second for measured in rounds]),
        figure_of(f"{what}, CPU", "µs/request", [measured.cpu_us for measured in rounds]),
        figure_of(f"{what}, p99 at {_CONNECTIONS} connections", "ms", [measured.p99_ms for measured in rounds]),
    ]


def _ratios(own: Sequence[Measured], base: Sequence[Measured]) -> list[float]:
    return [one.requests_per_second / other.requests_per_second for one, other in zip(own, base, strict=True)]
