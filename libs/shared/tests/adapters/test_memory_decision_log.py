import pytest
from contracts.decision_log import DecisionLogContract, a_denial
from contracts.support import Unreachable, rehearsed
from paseport_shared.adapters.memory.decision_log import MemoryDecisionLog
from paseport_shared.adapters.memory.outage import MemoryOutage


class TestMemoryDecisionLog(DecisionLogContract):
    @pytest.fixture
    def outage(self) -> MemoryOutage:
        return MemoryOutage()

    @pytest.fixture
    def log(self, outage: MemoryOutage) -> MemoryDecisionLog:
        return MemoryDecisionLog(outage)

    @pytest.fixture
    def unreachable(self, outage: MemoryOutage) -> Unreachable:
        return rehearsed(outage)

    async def test_a_flood_of_denials_does_not_fill_the_memory(self) -> None:
        log = MemoryDecisionLog(capacity=3)
        denials = [a_denial(number) for number in range(10)]

        await log.add(denials)

        assert await log.latest(10) == (tuple(denials[:-4:-1]), None)
        assert await log.find(denials[0].request_id) is None
