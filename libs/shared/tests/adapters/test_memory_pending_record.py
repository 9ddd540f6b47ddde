import pytest
from contracts.pending_record import PendingRecordContract, an_entry, entries
from contracts.support import Unreachable, rehearsed
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.pending_record import MemoryPendingRecord
from paseport_shared.domain.errors import Overloaded


class TestMemoryPendingRecord(PendingRecordContract):
    @pytest.fixture
    def outage(self) -> MemoryOutage:
        return MemoryOutage()

    @pytest.fixture
    def pending(self, outage: MemoryOutage) -> MemoryPendingRecord:
        return MemoryPendingRecord(outage)

    @pytest.fixture
    def unreachable(self, outage: MemoryOutage) -> Unreachable:
        return rehearsed(outage)

    async def test_a_record_that_stays_away_does_not_fill_the_memory(self) -> None:
        pending = MemoryPendingRecord(capacity=2)
        kept = [an_entry(), an_entry()]
        for entry in kept:
            await pending.append(entry)

        with pytest.raises(Overloaded):
            await pending.append(an_entry())

        assert entries(await pending.read(10, 0)) == kept
