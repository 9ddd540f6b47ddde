"""P4: many callers with one token, on the cluster. The bench runs ten times as many rounds over HTTP."""

import asyncio
import time

from contracts.refresh_token_store import POLICY, a_family
from contracts.support import CROWD, NOW, SECOND
from paseport.redis.access import RedisAccess
from paseport_shared.adapters.redis.refresh_token_store import RedisRefreshTokenStore
from paseport_shared.domain.models.refresh_token import Advance, Rotation
from redis_support import OnACluster

ROUNDS = 1000
STRAGGLERS = 2
"""Slow copies of the request before: s0 is still in flight while s1 → s2."""


class TestRaceOnACluster(OnACluster):
    async def test_of_1000_crowds_each_gets_one_successor_and_nobody_is_signed_out(
        self, access: RedisAccess, redis_namespace: str
    ) -> None:
        """P4, TE-12."""
        store = RedisRefreshTokenStore(access, POLICY, f"refresh_token:{redis_namespace}")
        family = a_family()
        await store.open_family(family)
        begin = time.monotonic()

        for live in range(ROUNDS):
            now = NOW + live * SECOND
            late = max(0, live - 1)
            *crowd, one, other = await asyncio.gather(
                *(store.advance(family.id, live, now) for _ in range(CROWD)),
                *(store.advance(family.id, late, now) for _ in range(STRAGGLERS)),
            )

            assert {advance.generation for advance in crowd} == {live + 1}
            rotations = [advance.rotation for advance in (*crowd, one, other)]
            assert rotations.count(Rotation.ROTATE) == 1
            if live > 0:
                assert {one, other} <= {Advance(Rotation.REPLAY, live), Advance(Rotation.LATE)}

        found = await store.find_family(family.id, NOW + ROUNDS * SECOND)
        assert found is not None
        assert (found.generation, found.unconfirmed) == (ROUNDS, False)
        print(f"P4: {ROUNDS} rounds of {CROWD} callers in {time.monotonic() - begin:.1f} s")
