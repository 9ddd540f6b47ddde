import pytest
from contracts.api_key_directory import ApiKeyDirectoryContract
from contracts.api_key_usage import ApiKeyUsageContract
from contracts.support import Unreachable, rehearsed
from paseport_shared.adapters.memory.api_key_directory import MemoryApiKeyDirectory
from paseport_shared.adapters.memory.api_key_usage import MemoryApiKeyUsage
from paseport_shared.adapters.memory.outage import MemoryOutage


@pytest.fixture
def outage() -> MemoryOutage:
    return MemoryOutage()


@pytest.fixture
def unreachable(outage: MemoryOutage) -> Unreachable:
    return rehearsed(outage)


class TestMemoryApiKeyDirectory(ApiKeyDirectoryContract):
    @pytest.fixture
    def directory(self, outage: MemoryOutage) -> MemoryApiKeyDirectory:
        return MemoryApiKeyDirectory(outage)


class TestMemoryApiKeyUsage(ApiKeyUsageContract):
    @pytest.fixture
    def usage(self, outage: MemoryOutage) -> MemoryApiKeyUsage:
        return MemoryApiKeyUsage(outage)
