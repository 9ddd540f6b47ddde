"""Bringing a database to the tables that this version of the code reads and writes.

Each file in ``versions`` is one step up and back. MariaDB commits every change of the schema on its own, so a step that
was killed half-way leaves half a step behind: each of its statements therefore checks whether it is still needed, and
running the step again completes it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final, TypeVar

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from paseport_shared.adapters.sql.engine import create_engine_for
from paseport_shared.adapters.sql.faults import describe
from paseport_shared.domain.errors import Unavailable

T = TypeVar("T")

BASE: Final = "base"
"""The revision of a database without our tables."""
_WAIT_FOR_OTHERS: Final = timedelta(seconds=30)
"""Replicas that start together migrate together: all but one wait for it, then find nothing to do."""


class WrongRevision(RuntimeError):
    """The database does not have the tables that this version of the code needs. The message says what to do."""


async def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database up to ``revision``; nothing happens where it is there already. Raises ``Unavailable``."""
    await _run(url, lambda connection: command.upgrade(_config(connection), revision))


async def downgrade(url: str, revision: str) -> None:
    """Take the database back to ``revision`` (``base``: drop everything). Raises ``Unavailable``."""
    await _run(url, lambda connection: command.downgrade(_config(connection), revision))


async def current(url: str) -> str | None:
    """Return the revision of the database, None without one. Raises ``Unavailable``."""
    return await _run(url, _revision_of)


def head() -> str:
    """Return the revision that this version of the code needs."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        message = "the package has lost its migrations"
        raise RuntimeError(message)
    return revision


async def check_revision(engine: AsyncEngine) -> None:
    """Return if the database has the tables that this code needs. Raises ``WrongRevision`` and ``Unavailable``."""
    try:
        async with engine.connect() as connection:
            found = await connection.run_sync(_revision_of)
    except DBAPIError as error:
        raise Unavailable(f"the record failed: {describe(error)}") from error
    needed = head()
    if found == needed:
        return
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if found is not None and found not in known:
        raise WrongRevision(
            f"The database is at revision {found}, which is newer than this version of Paseport (revision {needed}). "
            "Install the version that migrated it."
        )
    raise WrongRevision(
        f"The database is at revision {found or BASE}, this version of Paseport needs {needed}. "
        "Run `paseport migrate` first."
    )


async def _run(url: str, action: Callable[[Connection], T]) -> T:
    engine = create_engine_for(url, lock_timeout=_WAIT_FOR_OTHERS)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(_alone, action)
    except DBAPIError as error:
        raise Unavailable(f"the record failed: {describe(error)}") from error
    finally:
        await engine.dispose()


def _alone(connection: Connection, action: Callable[[Connection], T]) -> T:
    """Run the action while nobody else migrates. SQLite's transaction sees to that by itself."""
    if connection.dialect.name == "sqlite":
        return action(connection)
    lock = sa.literal("paseport_migrations")
    connection.execute(sa.select(sa.func.get_lock(lock, _WAIT_FOR_OTHERS.total_seconds())))
    try:
        return action(connection)
    finally:
        connection.execute(sa.select(sa.func.release_lock(lock)))


def _revision_of(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config(connection: Connection | None = None) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
