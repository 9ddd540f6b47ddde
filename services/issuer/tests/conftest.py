from collections.abc import AsyncIterator, Iterator
from functools import cache
from pathlib import Path

import pytest
from contracts.patient_record import patient_record
from cryptography.hazmat.primitives import serialization
from issuer_http import HttpWorld, running_issuer
from issuer_world import IssuerWorld
from paseport_issuer.wiring import wire
from paseport_shared.adapters.sql import migrations
from paseport_shared.adapters.sql.engine import create_engine_for


@pytest.fixture(scope="session", autouse=True)
def private_keys_are_checked_once() -> Iterator[None]:
    """The library checks a private key for 40 ms each time it reads one, and every issuer here has the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(serialization, "load_der_private_key", cache(serialization.load_der_private_key))
        yield


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[IssuerWorld]:
    world = IssuerWorld(tmp_path)
    yield world
    await world.close()


@pytest.fixture
async def recorded(tmp_path: Path, database_url: str) -> AsyncIterator[IssuerWorld]:
    """An issuer whose record is on MariaDB."""
    await migrations.upgrade(database_url)
    engine = create_engine_for(database_url)
    world = IssuerWorld(tmp_path, record=patient_record(engine))
    await world.load_keys()
    world.use = wire(world.settings, world.adapters)
    yield world
    await world.close()
    await engine.dispose()


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[HttpWorld]:
    async with running_issuer(tmp_path) as http:
        yield http
