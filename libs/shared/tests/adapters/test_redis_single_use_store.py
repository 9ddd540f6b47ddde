import pytest
from contracts.single_use_store import Make, SingleUseStoreContract, Store, Thing, a_pending_link, a_sign_in
from contracts.support import NOW, SECOND
from paseport.redis.access import RedisAccess
from paseport_shared.adapters.redis.single_use_store import EXTERNAL_SIGN_IN, PENDING_LINK, RedisSingleUseStore
from paseport_shared.domain.models.external_sign_in import ExternalSignIn, PendingLink
from redis_support import OnACluster, OnASingleNode


class RedisSingleUseStoreContract(SingleUseStoreContract):
    @pytest.fixture
    def store(self, access: RedisAccess, make: Make, redis_namespace: str) -> RedisSingleUseStore[Thing]:
        model: type[Thing] = type(make())
        return RedisSingleUseStore(access, model, f"single_use:{redis_namespace}")


class TestRedisSingleUseStoreOnACluster(OnACluster, RedisSingleUseStoreContract):
    pass


class TestRedisSingleUseStoreOnASingleNode(OnASingleNode, RedisSingleUseStoreContract):
    async def test_redis_drops_what_nobody_came_back_for_a_minute_after_its_end(
        self, access: RedisAccess, store: Store, held: Thing, redis_namespace: str
    ) -> None:
        await store.put(held)

        (milliseconds,) = await access.send(("PTTL", f"single_use:{redis_namespace}:by_id:{held.id}"))

        assert 600_000 < milliseconds <= 660_000


class TestTwoKindsOnOneNode(OnASingleNode):
    async def test_a_thing_of_one_kind_is_none_of_the_other(self, access: RedisAccess, redis_namespace: str) -> None:
        sign_ins = RedisSingleUseStore(access, ExternalSignIn, f"{EXTERNAL_SIGN_IN}:{redis_namespace}")
        links = RedisSingleUseStore(access, PendingLink, f"{PENDING_LINK}:{redis_namespace}")
        sign_in, link = a_sign_in(), a_pending_link()
        await sign_ins.put(sign_in)
        await links.put(link)

        assert await links.consume(sign_in.id, NOW) is None
        assert await sign_ins.consume(link.id, NOW) is None
        assert await sign_ins.consume(sign_in.id, NOW + SECOND) == sign_in
        assert await links.consume(link.id, NOW + SECOND) == link
