import pytest
from contracts.session_store import IDLE, SessionStoreContract, signed_in, upstream_session
from contracts.support import NOW, Unreachable, new_id, new_user, rehearsed
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.session_store import MemorySessionStore
from paseport_shared.domain.models.session import SessionPolicy


class TestMemorySessionStore(SessionStoreContract):
    @pytest.fixture
    def outage(self) -> MemoryOutage:
        return MemoryOutage()

    @pytest.fixture
    def store(self, policy: SessionPolicy, outage: MemoryOutage) -> MemorySessionStore:
        return MemorySessionStore(policy, outage)

    @pytest.fixture
    def unreachable(self, outage: MemoryOutage) -> Unreachable:
        return rehearsed(outage)

    async def test_sessions_nobody_ends_do_not_fill_the_memory(self, store: MemorySessionStore) -> None:
        for step in range(40):
            for _ in range(100):
                await store.create(signed_in(at=NOW + step * IDLE, upstream=upstream_session(new_id())))

        assert len(store._sessions) <= 1024
        assert len(store._by_user) == len(store._by_upstream) == len(store._sessions)

    async def test_tidying_removes_no_live_session(self, store: MemorySessionStore) -> None:
        user = new_user()
        for _ in range(3000):
            await store.create(signed_in(user))

        assert len(await store.list_for_user(user, NOW)) == 3000
