"""An advance that replicas know, and whose second confirmation does not come: nobody is told its token."""

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest
from contracts.refresh_token_store import GRACE, INSTANT, POLICY, a_family
from contracts.support import NOW, SECOND
from paseport.redis.access import RedisAccess
from paseport.redis.line import Outcome
from paseport.redis.script import Command, ScriptCall
from paseport_shared.adapters.redis.refresh_token_store import RedisRefreshTokenStore
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.refresh_token import Advance, RefreshFamily, Rotation
from paseport_testkit.harness.redis import RedisCluster
from redis_support import cluster_settings, unhurried

LATER = NOW + 60 * SECOND
VOUCHED = None
LACKING = "1 of 2 replicas confirmed the write"


class DoubtfulAccess(RedisAccess):
    """Commands run; what replicas say of them is rehearsed, in ``vouched``, as long as that lasts."""

    vouched: deque[str | None]
    meanwhile: Callable[[], Awaitable[None]] | None = None
    """What happens when the next one is not vouched for, before the caller hears of it."""

    async def attempt(self, *commands: Command | ScriptCall) -> Outcome:
        outcome = await super().attempt(*commands)
        lacking = self.vouched.popleft() if self.vouched else outcome.lacking
        if lacking is not None and self.meanwhile is not None:
            happens, self.meanwhile = self.meanwhile, None
            await happens()
        return replace(outcome, lacking=lacking)


@pytest.fixture
async def access(redis_cluster: RedisCluster, redis_namespace: str) -> AsyncIterator[DoubtfulAccess]:
    settings = replace(cluster_settings(redis_cluster), barrier_key=f"paseport:{redis_namespace}barrier")
    async with DoubtfulAccess(unhurried(settings)) as access:
        access.vouched = deque()
        yield access


@pytest.fixture
def store(access: DoubtfulAccess, redis_namespace: str) -> RedisRefreshTokenStore:
    return RedisRefreshTokenStore(access, POLICY, f"refresh_token:{redis_namespace}")


@pytest.fixture
async def family(store: RedisRefreshTokenStore) -> RefreshFamily:
    family = a_family()
    await store.open_family(family)
    return family


async def is_told_to_wait(store: RedisRefreshTokenStore, family: RefreshFamily) -> None:
    with pytest.raises(Unavailable):
        await store.advance(family.id, 0, NOW)


async def test_its_predecessor_may_be_presented_again_after_the_grace_too(
    access: DoubtfulAccess, store: RedisRefreshTokenStore, family: RefreshFamily
) -> None:
    """FT-03: who is told to wait and comes back after the grace stays signed in."""
    access.vouched.extend([VOUCHED, LACKING])
    await is_told_to_wait(store, family)

    assert await store.advance(family.id, 0, LATER) == Advance(Rotation.REPLAY, 1)

    # Somebody holds it now, and the usual grace has begun.
    assert await store.advance(family.id, 0, LATER + GRACE) == Advance(Rotation.REPLAY, 1)
    assert await store.advance(family.id, 0, LATER + GRACE + INSTANT) == Advance(Rotation.REUSE)


async def test_where_somebody_else_was_told_meanwhile_only_the_grace_is_left(
    access: DoubtfulAccess, store: RedisRefreshTokenStore, family: RefreshFamily
) -> None:
    """Two tabs: what one of them holds is not marked again on behalf of the other."""

    async def other_tab() -> None:
        access.vouched.append(VOUCHED)
        assert await store.advance(family.id, 0, NOW) == Advance(Rotation.REPLAY, 1)

    access.vouched.extend([VOUCHED, LACKING])
    access.meanwhile = other_tab
    await is_told_to_wait(store, family)

    assert await store.advance(family.id, 0, NOW + GRACE + INSTANT) == Advance(Rotation.REUSE)


async def test_where_nobody_of_several_was_told_all_of_them_may_present_it_again(
    access: DoubtfulAccess, store: RedisRefreshTokenStore, family: RefreshFamily
) -> None:
    async def other_tab() -> None:
        access.vouched.append(LACKING)
        await is_told_to_wait(store, family)

    access.vouched.extend([VOUCHED, LACKING])
    access.meanwhile = other_tab
    await is_told_to_wait(store, family)

    assert await store.advance(family.id, 0, LATER) == Advance(Rotation.REPLAY, 1)
