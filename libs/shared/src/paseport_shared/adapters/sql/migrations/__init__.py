"""Bringing a database to the tables that this version of the code reads and writes.

Each file in ``versions`` is one step up and back. MariaDB commits every change of the schema on its own, so a step that
was killed half-way leaves half a step behind: each of its statements therefore checks whether it is still needed, and
running the step again completes it.

A step only adds, and only what the code of one version back never meets: a table, an index that is not unique, a column
that may be empty or has a default. Services that are still running then do not notice. What is to go away is no longer
used in one version and dropped in the next.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final, TypeVar

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.engine import Connection

from paseport_shared.adapters.sql.engine import create_engine_for
from paseport_shared.adapters.sql.revision import connected, revision_of
from paseport_shared.domain.errors import Unavailable

T = TypeVar("T")

_WAIT_FOR_OTHERS: Final = timedelta(seconds=30)
"""Replicas that start together migrate together: all but one wait for it, then find nothing to do."""


async def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database up to ``revision``; nothing happens where it is there already. Raises ``Unavailable``."""
    await _run(url, lambda connection: command.upgrade(_config(connection), revision))


async def downgrade(url: str, revision: str) -> None:
    """Take the database back to ``revision`` (``base``: drop everything). Raises ``Unavailable``."""
    await _run(url, lambda connection: command.downgrade(_config(connection), revision))


async def current(url: str) -> str | None:
    """Return the revision of the database, None without one. Raises ``Unavailable``."""
    return await _run(url, revision_of)


async def _run(url: str, action: Callable[[Connection], T]) -> T:
    engine = create_engine_for(url, pool_size=1, lock_timeout=_WAIT_FOR_OTHERS, statement_timeout=None)
    try:
        async with connected(engine) as connection, connection.begin():
            return await connection.run_sync(_alone, action)
    finally:
        await engine.dispose()


def _alone(connection: Connection, action: Callable[[Connection], T]) -> T:
    """Run the action while nobody else migrates. SQLite's transaction sees to that by itself."""
    if connection.dialect.name == "sqlite":
        return action(connection)
    # Locks of this kind belong to the server, so the name says which of its databases is meant. The server lets go of
    # them when the connection ends, however it ends.
    lock = sa.func.concat("paseport:", sa.func.md5(sa.func.database()))
    if connection.scalar(sa.select(sa.func.get_lock(lock, _WAIT_FOR_OTHERS.total_seconds()))) != 1:
        raise Unavailable("somebody else has been migrating the record for too long")
    try:
        return action(connection)
    finally:
        connection.execute(sa.select(sa.func.release_lock(lock)))


def _config(connection: Connection | None = None) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
