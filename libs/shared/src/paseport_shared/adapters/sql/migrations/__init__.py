"""Bringing a database to the tables that this version of the code reads and writes.

Each file in ``versions`` is one step up and back. MariaDB commits every change of the schema on its own, so a step that
was killed half-way leaves half a step behind: each of its statements therefore checks whether it is still needed, and
running the step again completes it.

A step only adds, and only what the code of one version back never meets: a table, an index that is not unique, a column
that may be empty or has a default. Services that are still running then do not notice. What is to go away is no longer
used in one version and dropped in the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Final, TypeVar

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.exc import DBAPIError, InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from paseport_shared.adapters.sql.engine import create_engine_for
from paseport_shared.adapters.sql.faults import describe
from paseport_shared.domain.errors import Unavailable

T = TypeVar("T")

BASE: Final = "base"
"""The revision of a database without our tables."""
_WAIT_FOR_OTHERS: Final = timedelta(seconds=30)
"""Replicas that start together migrate together: all but one wait for it, then find nothing to do."""
_ANSWER_WITHIN: Final = timedelta(seconds=5)
"""How long the database may take to answer at all. The steps themselves take what they need."""
_OLDEST_MARIADB: Final = (10, 11, 5)
"""The first that keeps UUIDv7 in its own order, which is that of events."""


class WrongRevision(RuntimeError):
    """The database does not have the tables that this version of the code needs. The message says what to do."""


class WrongServer(WrongRevision):
    """The database server cannot have the tables that the code needs. The message says what to do."""


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
    """Return if the database has the tables that this code needs.

    Raises ``WrongRevision``, ``WrongServer`` and ``Unavailable``.
    """
    async with _connected(engine) as connection:
        found = await connection.run_sync(_revision_of)
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
    engine = create_engine_for(url, pool_size=1, lock_timeout=_WAIT_FOR_OTHERS, statement_timeout=None)
    try:
        async with _connected(engine) as connection, connection.begin():
            return await connection.run_sync(_alone, action)
    finally:
        await engine.dispose()


@asynccontextmanager
async def _connected(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Hand over a connection to a server that can serve. Raises ``WrongServer`` and ``Unavailable``."""
    try:
        async with asyncio.timeout(_ANSWER_WITHIN.total_seconds()):
            connection = await engine.connect()
    except TimeoutError as error:
        raise Unavailable("the record did not answer in time") from error
    except InvalidRequestError as error:  # the dialect found a MySQL server
        raise WrongServer(_wrong_server("a MySQL server")) from error
    except DBAPIError as error:
        raise Unavailable(f"the record failed: {describe(error)}") from error
    try:
        check_server(connection.dialect)
        yield connection
    except DBAPIError as error:
        raise Unavailable(f"the record failed: {describe(error)}") from error
    finally:
        with suppress(DBAPIError):  # a connection that is gone has nothing left to roll back
            await connection.close()


def check_server(dialect: Dialect) -> None:
    """Raise ``WrongServer`` unless the server that the dialect met can keep the record."""
    if dialect.name == "sqlite":
        return
    found = tuple(part for part in dialect.server_version_info or () if isinstance(part, int))
    if found[:3] < _OLDEST_MARIADB:
        raise WrongServer(_wrong_server(f"MariaDB {'.'.join(map(str, found))}"))


def _wrong_server(found: str) -> str:
    return f"The record needs MariaDB {'.'.join(map(str, _OLDEST_MARIADB))} or newer, and this is {found}."


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


def _revision_of(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config(connection: Connection | None = None) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
