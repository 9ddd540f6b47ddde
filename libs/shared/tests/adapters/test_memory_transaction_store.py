from dataclasses import replace

import pytest
from contracts.support import NOW, Unreachable, rehearsed
from contracts.transaction_store import LIFETIME, TransactionStoreContract, waiting
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.transaction_store import MemoryTransactionStore


class TestMemoryTransactionStore(TransactionStoreContract):
    @pytest.fixture
    def outage(self) -> MemoryOutage:
        return MemoryOutage()

    @pytest.fixture
    def store(self, outage: MemoryOutage) -> MemoryTransactionStore:
        return MemoryTransactionStore(outage)

    @pytest.fixture
    def unreachable(self, outage: MemoryOutage) -> Unreachable:
        return rehearsed(outage)

    async def test_transactions_that_nobody_continues_do_not_fill_the_memory(
        self, store: MemoryTransactionStore
    ) -> None:
        for step in range(40):
            at = NOW + step * LIFETIME
            for _ in range(100):
                await store.put(replace(waiting(), created_at=at, expires_at=at + LIFETIME))

        assert len(store._transactions) <= 1024
