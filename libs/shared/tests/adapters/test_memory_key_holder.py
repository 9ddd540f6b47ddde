"""The key holder in memory keeps the contract."""

import pytest
from contracts.key_holder import RemoteKeyHolderContract
from contracts.support import Unreachable, rehearsed
from paseport_shared.adapters.memory.clock import ManualClock
from paseport_shared.adapters.memory.key_holder import MemoryKeyHolder
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.randomness import SeededRandomness
from paseport_shared.domain.errors import KeyVersionNotPermitted


class TestMemoryKeyHolder(RemoteKeyHolderContract):
    @pytest.fixture
    def outage(self) -> MemoryOutage:
        return MemoryOutage()

    @pytest.fixture
    def holder(self, outage: MemoryOutage) -> MemoryKeyHolder:
        return MemoryKeyHolder(ManualClock(), SeededRandomness(1), outage)

    @pytest.fixture
    def unreachable(self, outage: MemoryOutage) -> Unreachable:
        return rehearsed(outage)


async def test_a_holder_whose_rights_do_not_cover_it_says_how_an_operator_does_it() -> None:
    holder = MemoryKeyHolder(ManualClock(), SeededRandomness(1), permits=False)

    with pytest.raises(KeyVersionNotPermitted) as refusal:
        await holder.create_version()

    assert refusal.value.command == "rotate the key in memory"
    assert holder.rotate() == (await holder.versions())[-1]
