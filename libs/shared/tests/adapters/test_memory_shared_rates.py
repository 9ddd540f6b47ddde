from datetime import timedelta

import pytest
from contracts.shared_rates import SharedRatesContract, a_key, limit_of
from contracts.support import NOW, SECOND, Unreachable, rehearsed
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.shared_rates import MemorySharedRates


class TestMemorySharedRates(SharedRatesContract):
    @pytest.fixture
    def outage(self) -> MemoryOutage:
        return MemoryOutage()

    @pytest.fixture
    def rates(self, outage: MemoryOutage) -> MemorySharedRates:
        return MemorySharedRates(outage)

    @pytest.fixture
    def unreachable(self, outage: MemoryOutage) -> Unreachable:
        return rehearsed(outage)

    async def test_a_flood_of_new_keys_does_not_fill_the_memory(self, rates: MemorySharedRates) -> None:
        for step in range(20):
            for _ in range(500):
                await rates.take(a_key(), limit_of(10, 10 * SECOND), NOW + step * 10 * SECOND)

        assert len(rates._windows) <= 1024

    async def test_tidying_forgets_no_request_that_counts(self, rates: MemorySharedRates) -> None:
        key, limit = a_key(), limit_of(1, timedelta(hours=1))
        await rates.take(key, limit, NOW)
        for _ in range(3000):
            await rates.take(a_key(), limit_of(1, SECOND), NOW + timedelta(minutes=59))

        assert not (await rates.take(key, limit, NOW + timedelta(minutes=59))).is_allowed
