import pytest
from contracts.single_use_store import LIFETIME, SingleUseStoreContract, Thing, a_sign_in
from contracts.support import NOW, Unreachable, rehearsed
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.single_use_store import MemorySingleUseStore


class TestMemorySingleUseStore(SingleUseStoreContract):
    @pytest.fixture
    def outage(self) -> MemoryOutage:
        return MemoryOutage()

    @pytest.fixture
    def store(self, outage: MemoryOutage) -> MemorySingleUseStore[Thing]:
        return MemorySingleUseStore(outage)

    @pytest.fixture
    def unreachable(self, outage: MemoryOutage) -> Unreachable:
        return rehearsed(outage)


async def test_sign_ins_that_nobody_comes_back_from_do_not_fill_the_memory() -> None:
    store: MemorySingleUseStore[Thing] = MemorySingleUseStore()

    for step in range(40):
        for _ in range(100):
            await store.put(a_sign_in(NOW + step * LIFETIME))

    assert len(store._held) <= 1024


async def test_tidying_removes_nothing_that_is_live() -> None:
    store: MemorySingleUseStore[Thing] = MemorySingleUseStore()
    waiting = [a_sign_in() for _ in range(3_000)]

    for held in waiting:
        await store.put(held)

    assert [await store.consume(held.id, NOW) for held in waiting] == waiting
