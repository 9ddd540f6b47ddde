"""Forward-auth on API keys: beside an empty application and a peer in FastAPI, then behind nginx. Two workers each."""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

from paseport_testkit.harness.redis import RedisNode

from bench import fastapi_peer
from bench.api_keys import (
    LIMIT,
    ROUTED_HOST,
    asks_about,
    forward_auth,
    junk_text,
    key_text,
    put_keys,
    routed,
    unknown_text,
)
from bench.figures import Bound, Figure, Gate, figure_of
from bench.gateway import Gateway, running_gateway
from bench.http import request
from bench.load import Generator, Measured, generator
from bench.servers import node_variables, open_key_directory, running_servers
from bench.verifying import CONNECTIONS, Server, figures_of, run, take_turns, workers_of

_KEYS: Final = 2000
"""So many programs call at the same time."""
_NEW: Final = 50_000
"""More than are asked for in a second: what is the same again could be remembered for as long."""
_ROUNDS: Final = 5
_WORKERS: Final = 2
_HALF_LOAD_SECONDS: Final = 4.0
_FIRST_STRICT: Final = _KEYS
"""Keys whose limit Redis counts for all nodes: as many, behind the others."""

_EMPTY: Final = "empty ASGI app"
_IDENTITY: Final = "empty ASGI app with the headers of the answer"
_VALID: Final = "valid key"
_PATHS: Final = "valid key, each time for another path"
_STRICT: Final = "valid key with a strict limit"
_UNKNOWN: Final = "unknown key, each time another one"
_JUNK: Final = "key with a bad checksum, each time another one"
_PEER: Final = "FastAPI + Redis peer"
_UNLIMITED: Final = "FastAPI + Redis peer, token without limit"
_PLAIN: Final = "nginx, plain proxy"
_ASKING: Final = "nginx that asks before each request"
_ASKING_NOTHING: Final = "nginx that asks an empty application"
"""What no application under this server can be faster than."""
_CACHING: Final = "nginx that remembers an answer for 1 s"


async def measure_forward_auth() -> Sequence[Figure]:
    """Take turns: applications alone, then a steady half of what ours bears, then nginx with and without it."""
    async with AsyncExitStack() as stack:
        log = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="paseport-bench-"))) / "log"
        redis = await stack.enter_async_context(running_servers(RedisNode))
        servers = await _servers(stack, redis, log)
        load = await stack.enter_async_context(generator(log, pinned=False))
        rounds = await take_turns(load, servers, _ROUNDS)
        rate = statistics.median(one.requests_per_second for one in rounds[_VALID]) / 2
        # What came between has driven these keys' decisions out; the backlog of making them anew is not meant here.
        await run(load, servers[_VALID].job())
        half = [await _at(rate, load, servers[_VALID]) for _ in range(_ROUNDS)]
        empty = [await _at(rate, load, servers[_EMPTY]) for _ in range(_ROUNDS)]
        gateway = await stack.enter_async_context(running_gateway(servers[_VALID].port))
        ceiling = await stack.enter_async_context(running_gateway(servers[_IDENTITY].port))
        proxies = _proxies(gateway, servers[_VALID])
        asks_nothing = Server(
            ceiling.asking, (*ceiling.pids, *servers[_IDENTITY].pids), requests=proxies[_ASKING].requests
        )
        proxied = await take_turns(load, {**proxies, _ASKING_NOTHING: asks_nothing}, _ROUNDS)
    return [
        *(figure for name, measured in rounds.items() for figure in figures_of(name, measured)),
        *_by_cpu(rounds, _VALID, _PEER, Gate(Bound.AT_LEAST, 5, 8)),
        *_by_cpu(rounds, _VALID, _UNLIMITED),
        *_by_cpu(rounds, _VALID, _EMPTY, Gate(Bound.AT_LEAST, 0.55, 0.7)),
        *_by_cpu(rounds, _VALID, _IDENTITY),
        *_by_cpu(rounds, _PATHS, _VALID),
        *_by_cpu(rounds, _STRICT, _VALID),
        *_by_cpu(rounds, _UNKNOWN, _VALID, Gate(Bound.AT_LEAST, 0.3, 0.8)),
        *_by_cpu(rounds, _JUNK, _VALID, Gate(Bound.AT_LEAST, 0.9, 1.0)),
        figure_of("valid key at half load, p50", "ms", [one.p50_ms for one in half]),
        figure_of("… p99", "ms", [one.p99_ms for one in half], Gate(Bound.AT_MOST, 5)),
        figure_of("empty ASGI app at the same load, p99", "ms", [one.p99_ms for one in empty]),
        *(figure for name, measured in proxied.items() for figure in figures_of(name, measured)),
        *_by_rate(proxied, _ASKING, _PLAIN, Gate(Bound.AT_LEAST, 0.28, 0.35)),
        *_by_rate(proxied, _ASKING_NOTHING, _PLAIN),
        *_by_rate(proxied, _CACHING, _PLAIN, Gate(Bound.AT_LEAST, 0.55, 0.75)),
    ]


async def _servers(stack: AsyncExitStack, redis: RedisNode, log: Path) -> dict[str, Server]:
    """Start what is measured. One api is asked about keys of every kind, one peer about tokens of both."""
    keys = range(_KEYS)
    valid = [forward_auth(key_text(number), asks_about(number)) for number in keys]
    empty = await stack.enter_async_context(
        workers_of("bench.empty_app", "asgi", requests=valid, log=log, count=_WORKERS)
    )
    identity = await stack.enter_async_context(
        workers_of("bench.empty_app", "identity", requests=valid, log=log, count=_WORKERS, status=204)
    )
    async with open_key_directory(redis) as directory:
        await put_keys(directory, keys)
        await put_keys(directory, range(_FIRST_STRICT, _FIRST_STRICT + _KEYS), is_strict=True)
        await directory.mark_complete()
    api = await stack.enter_async_context(
        workers_of(
            "bench.forward_auth_server",
            requests=valid,
            log=log,
            count=_WORKERS,
            status=204,
            environment={**os.environ, **node_variables(redis, redis.users.api)},
        )
    )
    operator = redis.url_for(redis.users.operator)
    await fastapi_peer.store_tokens(operator, [key_text(number) for number in keys], [ROUTED_HOST], LIMIT)
    await fastapi_peer.store_tokens(operator, [unknown_text(number) for number in keys], [ROUTED_HOST], 0)
    peer = await stack.enter_async_context(
        workers_of(
            "bench.fastapi_peer",
            requests=[_ask_peer(key_text(number), number) for number in keys],
            log=log,
            count=_WORKERS,
            environment={**os.environ, "REDIS_URL": operator},
        )
    )
    strict = range(_FIRST_STRICT, _FIRST_STRICT + _KEYS)
    other_paths = [forward_auth(key_text(number % _KEYS), f"/items/{number}") for number in range(_NEW)]
    unknown = [forward_auth(unknown_text(number), asks_about(number)) for number in range(_NEW)]
    return {
        _EMPTY: empty,
        _IDENTITY: identity,
        _VALID: api,
        _PATHS: replace(api, requests=other_paths),
        _STRICT: replace(api, requests=[forward_auth(key_text(number), asks_about(number)) for number in strict]),
        _UNKNOWN: replace(api, requests=unknown, status=401),
        _JUNK: replace(
            api, requests=[forward_auth(junk_text(number), asks_about(number)) for number in range(_NEW)], status=401
        ),
        _PEER: peer,
        _UNLIMITED: replace(peer, requests=[_ask_peer(unknown_text(number), number) for number in keys]),
    }


def _ask_peer(token: str, number: int) -> bytes:
    facts = {"Host": "api.internal", "X-Forwarded-Host": ROUTED_HOST, "X-Forwarded-Uri": asks_about(number)}
    return request("GET", "/auth", {**facts, "Authorization": f"Bearer {token}"})


def _proxies(gateway: Gateway, api: Server) -> dict[str, Server]:
    requests = [routed(key_text(number), asks_about(number)) for number in range(_KEYS)]
    return {
        _PLAIN: Server(gateway.plain, gateway.pids, requests),
        _ASKING: Server(gateway.asking, (*gateway.pids, *api.pids), requests),
        _CACHING: Server(gateway.caching, (*gateway.pids, *api.pids), requests),
    }


async def _at(rate: float, load: Generator, api: Server) -> Measured:
    return await run(load, api.job(_HALF_LOAD_SECONDS, rate, connections=CONNECTIONS))


def _by_cpu(rounds: Mapping[str, Sequence[Measured]], own: str, base: str, gate: Gate | None = None) -> list[Figure]:
    """Compare what the servers work for a request: processor time, which holds still."""
    pairs = list(zip(rounds[own], rounds[base], strict=True))
    return [
        figure_of(f"{own} ÷ {base}, by CPU", "", [other.cpu_us / one.cpu_us for one, other in pairs], gate),
        figure_of("… requests/s", "", [one.requests_per_second / other.requests_per_second for one, other in pairs]),
    ]


def _by_rate(rounds: Mapping[str, Sequence[Measured]], own: str, base: str, gate: Gate | None = None) -> list[Figure]:
    """Compare what the proxies bear: requests/s, because the second request is what is measured."""
    pairs = list(zip(rounds[own], rounds[base], strict=True))
    return [
        figure_of(
            f"{own} ÷ {base}, requests/s",
            "",
            [one.requests_per_second / other.requests_per_second for one, other in pairs],
            gate,
        ),
        figure_of("… by CPU of all processes", "", [other.cpu_us / one.cpu_us for one, other in pairs]),
    ]
