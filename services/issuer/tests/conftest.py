from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from issuer_http import HttpWorld, running_issuer
from issuer_world import IssuerWorld


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[IssuerWorld]:
    world = IssuerWorld(tmp_path)
    yield world
    await world.close()


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[HttpWorld]:
    async with running_issuer(tmp_path) as http:
        yield http
