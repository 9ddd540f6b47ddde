from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from issuer_world import IssuerWorld


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[IssuerWorld]:
    world = IssuerWorld(tmp_path)
    yield world
    await world.close()
