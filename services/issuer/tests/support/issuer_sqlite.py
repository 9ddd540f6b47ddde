"""The issuer on a SQLite record: what only a database can do wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa
from contracts.patient_record import patient_record
from issuer_http import HttpWorld, running
from issuer_world import IssuerWorld
from paseport_issuer.settings import Settings
from paseport_shared.adapters.memory.clock import ManualClock
from paseport_shared.adapters.sql import migrations
from paseport_shared.adapters.sql.engine import create_engine_for
from paseport_shared.domain.ports.upstream import UpstreamProviders
from sqlalchemy.ext.asyncio import AsyncEngine

_NEW_RECORD: list[bytes] = []


@asynccontextmanager
async def running_on_sqlite(
    folder: Path,
    settings: Settings | None = None,
    upstream: UpstreamProviders | None = None,
    clock: ManualClock | None = None,
) -> AsyncIterator[tuple[HttpWorld, AsyncEngine]]:
    """Run an issuer whose record is a new SQLite file; everything else is in memory."""
    file = folder / "record.db"
    file.write_bytes(await _new_record())
    engine = create_engine_for(f"sqlite:///{file}")
    world = IssuerWorld(folder, settings, patient_record(engine), upstream, clock)
    await world.load_keys()
    try:
        async with running(world) as http:
            yield http, engine
    finally:
        await engine.dispose()


async def _new_record() -> bytes:
    """Return a record without rows. All migrations take half a second, so they run once."""
    if not _NEW_RECORD:
        with TemporaryDirectory() as folder:
            file = Path(folder) / "record.db"
            await migrations.upgrade(f"sqlite:///{file}")
            _NEW_RECORD.append(file.read_bytes())
    return _NEW_RECORD[0]


@contextmanager
def statements(engine: AsyncEngine) -> Iterator[list[str]]:
    """Collect the SQL that is sent inside the block."""
    sent: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        sent.append(statement)

    sa.event.listen(engine.sync_engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        sa.event.remove(engine.sync_engine, "before_cursor_execute", note)
