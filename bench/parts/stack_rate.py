"""Refreshing under load beside what Redis does of it: the script that advances a family, asked by its own benchmark.

The issuer signs with a local key here, because Vault would be the limit (``stack-signing``). Everything else is as in
an installation: sessions, families, roles and feed in a Redis cluster, and a replica that confirms each rotation twice
before it is answered.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from paseport_testkit.harness.redis import RedisCluster

from bench.figures import BenchProblem, Bound, Figure, Gate, figure_of
from bench.issuer import LOWEST_COST, ORIGIN, active_user
from bench.load import Generator, Job, Measured, generator
from bench.processes import cpu_seconds, pin, read_line, started
from bench.product import Product, sign_in_each
from bench.redis_benchmark import Rate, RedisBenchmark
from bench.servers import environment_for, pid_of, running_servers

_ROUNDS: Final = 5
_CONNECTIONS: Final = 64
_USERS: Final = 8
_SECONDS: Final = 3.0
_WARM_UP_SECONDS: Final = 1.0
_FIRST_REQUESTS: Final = 20_000


async def measure_stack_rate() -> Sequence[Figure]:
    """Take turns: the script alone, then refreshes over HTTP, each connection with a family of its own.

    Redis has the same processor in both turns, and who asks it has the other one.
    """
    scripts: list[Rate] = []
    refreshes: list[Measured] = []
    redis_cpu_us: list[float] = []
    with tempfile.TemporaryDirectory(prefix="paseport-bench-") as folder:
        log = Path(folder) / "log"
        issuer = ("python", "-m", "bench.issuer", str(LOWEST_COST), str(_USERS), "--redis")
        async with running_servers(RedisCluster) as cluster, generator(log) as load:
            for service in (*cluster.nodes, *cluster.watchers):
                pin(pid_of(service), 1)
            node = cluster.primary()
            script = RedisBenchmark(node)
            script.open_families()
            requests = round((await script.run(_FIRST_REQUESTS)).per_second * _SECONDS)
            async with started(*issuer, log=log, environment=environment_for(cluster)) as process:
                product = Product(process.pid, int(await read_line(process, log, 90)), origin=ORIGIN)
                users = [active_user(number) for number in range(_USERS)]
                tokens = [
                    signed_in.refresh_token for signed_in in await sign_in_each(product, users, _CONNECTIONS // _USERS)
                ]
                pin(product.pid, 0)
                for _ in range(_ROUNDS):
                    scripts.append(await script.run(requests))
                    cpu = cpu_seconds(pid_of(node))
                    measured = await _refresh(load, product, tokens)
                    cpu = cpu_seconds(pid_of(node)) - cpu
                    # The warm-up is in it.
                    all_of_them = measured.requests_per_second * (_WARM_UP_SECONDS + measured.seconds)
                    redis_cpu_us.append(cpu / all_of_them * 1e6)
                    refreshes.append(measured)
                    tokens = measured.cookies
    return [
        figure_of("the script in redis-benchmark, 50 connections", "/s", [one.per_second for one in scripts]),
        figure_of(f"refreshes, {_CONNECTIONS} connections", "/s", [one.requests_per_second for one in refreshes]),
        figure_of("… p50", "ms", [one.p50_ms for one in refreshes]),
        figure_of("… p99", "ms", [one.p99_ms for one in refreshes]),
        figure_of(
            "refreshes ÷ the script, /s",
            "",
            [
                refresh.requests_per_second / script.per_second
                for refresh, script in zip(refreshes, scripts, strict=True)
            ],
            Gate(Bound.AT_LEAST, 0.04, 0.08),
        ),
        figure_of("refresh, CPU of the issuer", "µs", [one.cpu_us for one in refreshes]),
        figure_of("… of the Redis primary", "µs", redis_cpu_us),
        figure_of("the script, CPU of the Redis primary", "µs", [one.cpu_us for one in scripts]),
        figure_of(
            "CPU of Redis for the script ÷ CPU of the issuer for a refresh",
            "",
            [script.cpu_us / refresh.cpu_us for refresh, script in zip(refreshes, scripts, strict=True)],
        ),
    ]


async def _refresh(load: Generator, product: Product, tokens: Sequence[str]) -> Measured:
    messages = [product.refresh(token) for token in tokens]
    job = Job(product.port, product.pid, messages, _WARM_UP_SECONDS, _SECONDS, product.refresh_cookie)
    measured = await load.run(job)
    if measured.wrong or not measured.requests:
        raise BenchProblem(f"{measured.wrong} of {measured.requests} refreshes were not answered with 200")
    return measured
