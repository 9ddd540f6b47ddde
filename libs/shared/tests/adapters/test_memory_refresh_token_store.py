from uuid import UUID

import pytest
import structlog
from contracts.refresh_token_store import POLICY, LoseFamily, LoseIndex, MakeStore, RefreshTokenStoreContract, a_family
from contracts.support import NOW, Unreachable, new_user, rehearsed
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.refresh_token_store import MemoryRefreshTokenStore
from paseport_shared.domain.models.refresh_token import RefreshPolicy
from paseport_shared.domain.ports.refresh_token_store import RefreshTokenStore


class TestMemoryRefreshTokenStore(RefreshTokenStoreContract):
    @pytest.fixture
    def outage(self) -> MemoryOutage:
        return MemoryOutage()

    @pytest.fixture
    def store_with(self, outage: MemoryOutage) -> MakeStore:
        def make(policy: RefreshPolicy) -> MemoryRefreshTokenStore:
            return MemoryRefreshTokenStore(policy, outage)

        return make

    @pytest.fixture
    def unreachable(self, outage: MemoryOutage) -> Unreachable:
        return rehearsed(outage)

    @pytest.fixture
    def lose_index(self) -> LoseIndex:
        async def lose(store: RefreshTokenStore, user_id: UUID) -> None:
            assert isinstance(store, MemoryRefreshTokenStore)
            del store._by_user[user_id]

        return lose

    @pytest.fixture
    def lose_family(self) -> LoseFamily:
        async def lose(store: RefreshTokenStore, family_id: str) -> None:
            assert isinstance(store, MemoryRefreshTokenStore)
            del store._by_id[family_id]

        return lose

    async def test_a_damaged_index_is_reported(self, store: RefreshTokenStore, lose_index: LoseIndex) -> None:
        """TE-18."""
        family = a_family()
        await store.open_family(family)
        await lose_index(store, family.user_id)

        with structlog.testing.capture_logs() as log:
            await store.find_family(family.id, NOW)

        assert [(line["log_level"], line["family_id"]) for line in log] == [("warning", family.id)]

    async def test_families_nobody_ends_do_not_fill_the_memory(self, outage: MemoryOutage) -> None:
        store = MemoryRefreshTokenStore(POLICY, outage)
        for step in range(40):
            for _ in range(100):
                await store.open_family(a_family(at=NOW + step * POLICY.idle))

        assert len(store._by_id) <= 1024
        assert len(store._by_user) == len(store._by_id)

    async def test_tidying_removes_no_live_family(self, store: RefreshTokenStore) -> None:
        user = new_user()
        for _ in range(3000):
            await store.open_family(a_family(user))

        assert len(await store.list_for_user(user, NOW)) == 3000
