import pytest
from contracts.client_directory import ClientDirectoryContract
from contracts.support import Unreachable, rehearsed
from paseport_shared.adapters.memory.client_directory import MemoryClientDirectory
from paseport_shared.adapters.memory.outage import MemoryOutage


class TestMemoryClientDirectory(ClientDirectoryContract):
    @pytest.fixture
    def outage(self) -> MemoryOutage:
        return MemoryOutage()

    @pytest.fixture
    def directory(self, outage: MemoryOutage) -> MemoryClientDirectory:
        return MemoryClientDirectory(outage)

    @pytest.fixture
    def unreachable(self, outage: MemoryOutage) -> Unreachable:
        return rehearsed(outage)
