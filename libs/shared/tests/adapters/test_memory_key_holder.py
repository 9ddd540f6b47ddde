"""The key holder in memory keeps the contract."""

import pytest
from contracts.key_holder import KeyHolderContract, Rotate
from contracts.support import Unreachable, rehearsed
from paseport_shared.adapters.memory.clock import ManualClock
from paseport_shared.adapters.memory.key_holder import MemoryKeyHolder
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.randomness import SeededRandomness


class TestMemoryKeyHolder(KeyHolderContract):
    @pytest.fixture
    def outage(self) -> MemoryOutage:
        return MemoryOutage()

    @pytest.fixture
    def holder(self, outage: MemoryOutage) -> MemoryKeyHolder:
        return MemoryKeyHolder(ManualClock(), SeededRandomness(1), outage)

    @pytest.fixture
    def rotate(self, holder: MemoryKeyHolder) -> Rotate:
        return holder.rotate

    @pytest.fixture
    def unreachable(self, outage: MemoryOutage) -> Unreachable:
        return rehearsed(outage)
