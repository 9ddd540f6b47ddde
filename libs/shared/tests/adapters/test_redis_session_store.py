from dataclasses import replace

import msgspec
import pytest
from contracts.session_store import MAX, SessionStoreContract, signed_in, upstream_session
from contracts.support import NOW, SECOND, new_id
from paseport.redis.access import RedisAccess
from paseport_shared.adapters.redis.session_store import RedisSessionStore
from paseport_shared.domain.models.session import SessionPolicy
from redis_support import OnACluster, OnASingleNode


class RedisSessionStoreContract(SessionStoreContract):
    @pytest.fixture
    def store(self, access: RedisAccess, policy: SessionPolicy, redis_namespace: str) -> RedisSessionStore:
        return RedisSessionStore(access, policy, f"session:{redis_namespace}")


class TestRedisSessionStoreOnACluster(OnACluster, RedisSessionStoreContract):
    pass


class TestRedisSessionStoreOnASingleNode(OnASingleNode, RedisSessionStoreContract):
    async def test_a_session_of_a_version_that_knew_no_providers_goes_on(
        self, store: RedisSessionStore, access: RedisAccess, redis_namespace: str
    ) -> None:
        """Sessions outlive an upgrade."""
        session = signed_in()
        await store.create(session)
        key = f"session:{redis_namespace}:by_id:{session.id}"
        (text,) = await access.send(("HGET", key, "created"))
        older = {name: value for name, value in msgspec.json.decode(text).items() if name != "upstream"}
        await access.send(("HSET", key, "created", msgspec.json.encode(older)))

        assert await store.touch(session.id, NOW)
        assert await store.find(session.id, NOW) == session
        assert await store.list_for_user(session.user_id, NOW) == (session,)
        assert await store.end(session.id) == session

    async def test_a_provider_s_index_is_tidied_a_minute_after_the_last_session_in_it(
        self, store: RedisSessionStore, access: RedisAccess, redis_namespace: str
    ) -> None:
        sid = new_id()
        long, short = signed_in(upstream=upstream_session(sid)), signed_in(upstream=upstream_session(sid))
        await store.create(long)
        await store.create(replace(short, expires_at=NOW + SECOND))
        index = store._index_of_upstream("https://id.example.com", sid)

        (milliseconds,) = await access.send(("PTTL", index))

        assert index.startswith(f"session:{redis_namespace}:by_upstream:")
        assert sid not in index
        assert MAX.total_seconds() * 1000 < milliseconds <= MAX.total_seconds() * 1000 + 60_000
