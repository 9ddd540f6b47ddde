import pytest
from contracts.role_directory import RoleDirectoryContract
from contracts.support import Unreachable, rehearsed
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.role_directory import MemoryRoleDirectory


class TestMemoryRoleDirectory(RoleDirectoryContract):
    @pytest.fixture
    def outage(self) -> MemoryOutage:
        return MemoryOutage()

    @pytest.fixture
    def directory(self, outage: MemoryOutage) -> MemoryRoleDirectory:
        return MemoryRoleDirectory(outage)

    @pytest.fixture
    def unreachable(self, outage: MemoryOutage) -> Unreachable:
        return rehearsed(outage)
