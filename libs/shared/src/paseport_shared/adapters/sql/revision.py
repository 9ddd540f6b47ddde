"""Which tables this version of the code needs, and whether a database has them.

Known here without the tool that makes them: a service that only looks should not have to load it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Final

import sqlalchemy as sa
from paseport.deadline import Deadline
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.exc import DBAPIError, InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from paseport_shared.adapters.sql.faults import describe
from paseport_shared.domain.errors import Unavailable

REVISIONS: Final = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010")
"""The steps in ``migrations/versions``, oldest first; the code needs the last one."""
BASE: Final = "base"
"""The revision of a database without our tables."""
_ANSWER_WITHIN: Final = timedelta(seconds=5)
"""How long the database may take to answer at all. Migrations themselves take what they need."""
_OLDEST_MARIADB: Final = (10, 11, 5)
"""The first that keeps UUIDv7 in its own order, which is that of events."""
_MARKER: Final = "alembic_version"


class WrongRevision(RuntimeError):
    """The database does not have the tables that this version of the code needs. The message says what to do."""


class WrongServer(WrongRevision):
    """The database server cannot have the tables that the code needs. The message says what to do."""


async def check_revision(engine: AsyncEngine) -> None:
    """Return if the database has the tables that this code needs.

    Raises ``WrongRevision``, ``WrongServer`` and ``Unavailable``.
    """
    async with connected(engine) as connection:
        found = await connection.run_sync(revision_of)
    needed = REVISIONS[-1]
    if found == needed:
        return
    if found is not None and found not in REVISIONS:
        raise WrongRevision(
            f"The database is at revision {found}, which is newer than this version of Paseport (revision {needed}). "
            "Install the version that migrated it."
        )
    raise WrongRevision(
        f"The database is at revision {found or BASE}, this version of Paseport needs {needed}. "
        "Run `paseport migrate` first."
    )


def revision_of(connection: Connection) -> str | None:
    """Return the revision of the database, None without one."""
    if not sa.inspect(connection).has_table(_MARKER):
        return None
    found: str | None = connection.scalar(sa.select(sa.column("version_num")).select_from(sa.table(_MARKER)))
    return found


@asynccontextmanager
async def connected(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Hand over a connection to a server that can serve. Raises ``WrongServer`` and ``Unavailable``."""
    try:
        async with Deadline(_ANSWER_WITHIN.total_seconds()):
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
