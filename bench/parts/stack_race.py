"""Many tabs, one refresh token, on a real Redis cluster with a replica that confirms (P4).

10,000 rounds at the store, whose callers are those of several issuers: each has connections of its own, so that
advances and confirmations of one family meet in any order. Then the races of ``race`` over HTTP.
"""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from paseport.redis.access import RedisAccess
from paseport.secret import Secret
from paseport_shared.adapters.redis.refresh_token_store import RedisRefreshTokenStore
from paseport_shared.domain.models.identifiers import new_id128, uuid7
from paseport_shared.domain.models.refresh_token import Advance, RefreshFamily, RefreshPolicy, Rotation
from paseport_testkit.harness.redis import RedisCluster

from bench.figures import Figure
from bench.http import connections
from bench.issuer import LOWEST_COST, ORIGIN, active_user
from bench.parts.race import NONE, count_of, race_over_http
from bench.processes import read_line, started
from bench.product import Product
from bench.servers import environment_for, redis_settings_of, running_servers

_ROUNDS: Final = 10_000
_ISSUERS: Final = 5
_AT_ONCE: Final = 50
_STRAGGLERS: Final = 2
"""Slow copies of the request before: s0 is still in flight while s1 → s2."""
_POLICY: Final = RefreshPolicy(grace=timedelta(seconds=10), idle=timedelta(days=14), max_lifetime=timedelta(days=90))


@dataclass
class _Tally:
    """``broken``: not exactly one successor. ``killed``: somebody was refused, or the family is gone."""

    refreshes: int = 0
    broken: int = 0
    killed: int = 0


async def measure_stack_race() -> Sequence[Figure]:
    """Present each token many times at once; all get the same successor, which is the next one presented."""
    async with running_servers(RedisCluster) as cluster:
        crowds = await _at_the_store(cluster)
        over_http = await _over_http(cluster)
    return [
        count_of(f"{_AT_ONCE} advances of one token × {_ROUNDS}, at the store: answered", crowds.refreshes),
        count_of("… rounds without exactly one successor", crowds.broken, NONE),
        count_of("… signed out by it", crowds.killed, NONE),
        *over_http,
    ]


async def _at_the_store(cluster: RedisCluster) -> _Tally:
    # Longer than an issuer's: a busy machine makes this slow, and every call is to have an answer.
    settings = replace(redis_settings_of(cluster), deadline_seconds=20.0, wait_milliseconds=5_000)
    tally, family = _Tally(), _family()
    async with AsyncExitStack() as stack:
        stores = [
            RedisRefreshTokenStore(await stack.enter_async_context(RedisAccess(settings)), _POLICY)
            for _ in range(_ISSUERS)
        ]
        await stores[0].open_family(family)
        for live in range(_ROUNDS):
            await _round(stores, family, live, tally)
    return tally


async def _round(stores: Sequence[RedisRefreshTokenStore], family: RefreshFamily, live: int, tally: _Tally) -> None:
    now, late = datetime.now(UTC), max(0, live - 1)
    presented = [live] * _AT_ONCE + [late] * _STRAGGLERS
    answers = await asyncio.gather(
        *(stores[number % _ISSUERS].advance(family.id, one, now) for number, one in enumerate(presented))
    )
    crowd, stragglers = answers[:_AT_ONCE], answers[_AT_ONCE:]
    tally.refreshes += len(answers)
    successor = live + 1
    rotations = [answer.rotation for answer in answers]
    held = await stores[0].find_family(family.id, now)
    one_successor = (
        {answer.generation for answer in crowd} == {successor}
        and rotations.count(Rotation.ROTATE) == 1
        and held is not None
        and (held.generation, held.unconfirmed) == (successor, False)
    )
    # What a straggler may get: the one successor of its token, or, once that is spent too, a refusal.
    fits = live == 0 or {*stragglers} <= {Advance(Rotation.REPLAY, live), Advance(Rotation.LATE)}
    tally.broken += not (one_successor and fits)
    tally.killed += held is None


async def _over_http(cluster: RedisCluster) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="paseport-bench-") as folder:
        log = Path(folder) / "log"
        issuer = ("python", "-m", "bench.issuer", str(LOWEST_COST), "1", "--redis")
        async with started(*issuer, log=log, environment=environment_for(cluster)) as process:
            product = Product(process.pid, int(await read_line(process, log, 90)), origin=ORIGIN)
            async with connections(product.port, _AT_ONCE) as opened:
                return await race_over_http(product, opened, active_user(0))


def _family() -> RefreshFamily:
    now = datetime.now(UTC)
    return RefreshFamily(
        id=new_id128(secrets.token_bytes(16)),
        user_id=uuid7(now, secrets.token_bytes(10)),
        user_version=1,
        session_id=new_id128(secrets.token_bytes(16)),
        client_id="bff",
        key=Secret(secrets.token_bytes(32)),
        scope=("openid", "roles"),
        audience="https://auth.example.com/api",
        auth_time=now,
        amr=("pwd",),
        generation=0,
        spent=(),
        unconfirmed=False,
        opened_at=now,
        advanced_at=now,
        expires_at=now + _POLICY.max_lifetime,
    )
