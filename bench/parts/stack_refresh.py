"""How long one refresh takes on the production stack, beside the two round trips that it cannot do without.

Those are one run of the script that advances a family, with the confirmation by a replica, and one signature by Vault
Transit: asked with the drivers alone, over one connection each, between the same refreshes.
"""

from __future__ import annotations

import base64
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import hvac  # type: ignore[import-untyped]  # it ships no types
import redis
from paseport_testkit.harness.redis import RedisNode
from paseport_testkit.harness.stack import Stack
from paseport_testkit.harness.vault import ACCESS_KEY, Vault

from bench.figures import BenchProblem, Bound, Figure, Gate, figure_of, percentile
from bench.http import Connection, connections
from bench.product import Product, signed_in
from bench.redis_benchmark import RedisBenchmark
from bench.servers import product_of, running_stack, sign_in

_ROUNDS: Final = 8
_EACH: Final = 120
"""Of everything, in one round."""
_MESSAGE_BYTES: Final = 460
"""An access token before it is signed."""
_WAIT_MILLISECONDS: Final = 200


async def measure_stack_refresh() -> Sequence[Figure]:
    """Take turns: the script, the signature, a refresh at the issuer's port, a refresh through the edge."""
    async with running_stack() as stack:
        issuer = product_of(stack, stack.issuers[0])
        steps = [confirmed_script(stack.redis.primary()), _signature(stack.vault)]
        chains = [
            await _Chain.begin(stack, issuer, issuer.port),
            await _Chain.begin(stack, issuer, stack.edge.port, stack.edge.tls()),
        ]
        rounds = [
            (
                *[[milliseconds_of(step) for _ in range(_EACH)] for step in steps],
                *[await chain.run() for chain in chains],
            )
            for _ in range(_ROUNDS + 1)
        ]
    # The first one opened connections and loaded code.
    scripts, signatures, refreshes, edge_refreshes = zip(*rounds[1:], strict=True)
    return [
        figure_of("the script and its confirmation alone, p50", "ms", [percentile(one, 0.5) for one in scripts]),
        figure_of("a Transit signature alone, p50", "ms", [percentile(one, 0.5) for one in signatures]),
        figure_of("refresh over HTTP, p50", "ms", [percentile(one, 0.5) for one in refreshes]),
        figure_of("… p99", "ms", [percentile(one, 0.99) for one in refreshes]),
        figure_of("refresh over HTTPS through the edge, p50", "ms", [percentile(one, 0.5) for one in edge_refreshes]),
        figure_of(
            "refresh ÷ (script + signature), p50",
            "",
            [
                percentile(refresh, 0.5) / (percentile(script, 0.5) + percentile(signature, 0.5))
                for script, signature, refresh, _ in rounds[1:]
            ],
            Gate(Bound.AT_MOST, 3),
        ),
    ]


class _Chain:
    """One session at one port, refreshed again and again."""

    def __init__(self, product: Product, port: int, tls: ssl.SSLContext | None, token: str) -> None:
        self._product = product
        self._port = port
        self._tls = tls
        self._token = token

    @classmethod
    async def begin(cls, stack: Stack, product: Product, port: int, tls: ssl.SSLContext | None = None) -> _Chain:
        async with connections(port, 1, tls) as (connection,):
            return cls(product, port, tls, (await sign_in(product, connection, stack.admin)).refresh_token)

    async def run(self) -> list[float]:
        """Refresh so many times, and return how many milliseconds each took."""
        # A new connection every time: the server closes those that say nothing while the others have their turn.
        async with connections(self._port, 1, self._tls) as (connection,):
            await self._refresh(connection)
            return [await self._refresh(connection) for _ in range(_EACH)]

    async def _refresh(self, connection: Connection) -> float:
        message = self._product.refresh(self._token)
        began = time.perf_counter()
        answer = await connection.ask(message)
        milliseconds = (time.perf_counter() - began) * 1e3
        self._token = signed_in(answer).refresh_token
        return milliseconds


def milliseconds_of(step: Callable[[], None]) -> float:
    """Return how long a step takes."""
    began = time.perf_counter()
    step()
    return (time.perf_counter() - began) * 1e3


def confirmed_script(node: RedisNode) -> Callable[[], None]:
    """Return a step that runs the script that advances a family, and waits for a replica."""
    script = RedisBenchmark(node)
    script.open_families()
    advance = script.advance_first().by_digest
    client = redis.Redis(host=node.host, port=node.port, username=node.username, password=node.password, protocol=2)
    pipeline: Any = client.pipeline(transaction=False)

    def step() -> None:
        pipeline.execute_command(*advance)
        pipeline.execute_command("WAIT", 1, _WAIT_MILLISECONDS)
        answer, replicas = pipeline.execute()
        if answer[0] != b"rotate" or replicas < 1:
            raise BenchProblem(f"the script answered {answer}, confirmed by {replicas} replicas")

    return step


def _signature(vault: Vault) -> Callable[[], None]:
    client = hvac.Client(url=vault.url, token=vault.root_token)
    message = base64.b64encode(b"x" * _MESSAGE_BYTES).decode()

    def step() -> None:
        client.secrets.transit.sign_data(ACCESS_KEY, hash_input=message, key_version=1, mount_point=vault.mount_path)

    return step
