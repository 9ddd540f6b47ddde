from dataclasses import replace

import pytest
from contracts.authorization_code_store import AuthorizationCodeStoreContract, issued
from contracts.support import NOW, Unreachable, rehearsed
from paseport_shared.adapters.memory.authorization_code_store import MemoryAuthorizationCodeStore
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.domain.models.authorization import CODE_REMEMBERED


class TestMemoryAuthorizationCodeStore(AuthorizationCodeStoreContract):
    @pytest.fixture
    def outage(self) -> MemoryOutage:
        return MemoryOutage()

    @pytest.fixture
    def store(self, outage: MemoryOutage) -> MemoryAuthorizationCodeStore:
        return MemoryAuthorizationCodeStore(outage)

    @pytest.fixture
    def unreachable(self, outage: MemoryOutage) -> Unreachable:
        return rehearsed(outage)

    async def test_codes_do_not_fill_the_memory(self, store: MemoryAuthorizationCodeStore) -> None:
        for step in range(40):
            for _ in range(100):
                await store.put(replace(issued(), expires_at=NOW + 2 * step * CODE_REMEMBERED))

        assert len(store._codes) == len(store._uses) <= 1024
