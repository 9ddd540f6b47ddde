"""A running api, and an issuer that the test plays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from api_world import ApiWorld


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ApiWorld]:
    async with ApiWorld(tmp_path) as world:
        yield world


@pytest.fixture
async def unfilled(tmp_path: Path) -> AsyncIterator[ApiWorld]:
    """An api whose role directory is not complete yet: a miss there is not final."""
    async with ApiWorld(tmp_path, directory_is_complete=False) as world:
        yield world
