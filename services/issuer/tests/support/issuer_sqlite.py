"""The issuer on a SQLite record: what only a database can do wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import sqlalchemy as sa
from issuer_http import HttpWorld, running
from issuer_world import IssuerWorld
from paseport_issuer.settings import Settings
from paseport_shared.adapters.sql import migrations
from paseport_shared.adapters.sql.engine import create_engine_for
from paseport_shared.adapters.sql.record import SqlRecord
from sqlalchemy.ext.asyncio import AsyncEngine


@asynccontextmanager
async def running_on_sqlite(
    folder: Path, settings: Settings | None = None
) -> AsyncIterator[tuple[HttpWorld, AsyncEngine]]:
    """Run an issuer whose record is a new SQLite file; everything else is in memory."""
    url = f"sqlite:///{folder / 'record.db'}"
    await migrations.upgrade(url)
    engine = create_engine_for(url)
    world = IssuerWorld(folder, settings, SqlRecord(engine))
    await world.load_keys()
    try:
        async with running(world) as http:
            yield http, engine
    finally:
        await engine.dispose()


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
