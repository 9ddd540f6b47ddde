"""One transaction, as the repositories use it."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.sql.elements import KeyedColumnElement

from paseport_shared.adapters.sql.faults import Fault, describe, fault_of
from paseport_shared.adapters.sql.places import Places
from paseport_shared.domain.errors import Overloaded, Unavailable

Offered: TypeAlias = ReadOnlyColumnCollection[str, KeyedColumnElement[Any]]
"""The columns of a row that is to be inserted, where one like it is stored."""
_CLEANING_TIMEOUT: Final = timedelta(seconds=1)
"""How long a rollback may take before the connection is cut instead, which rolls back as well."""


# For the next transaction alone, which has not begun before its first statement.
_AS_SNAPSHOT: Final = sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


class Reading(enum.Enum):
    """What a transaction on MariaDB does with what it reads."""

    SHARED = "shared"
    """Nobody changes it meanwhile. Two that go on to write the same row wait for each other until one is shot."""
    LOCKED = "locked"
    """Nobody else reads it either, so those who met contention before queue instead of shooting each other again."""
    SNAPSHOT = "snapshot"
    """It is what was committed at the first reading; nobody waits, and nothing can be written."""


class ConstraintViolated(Exception):
    """A statement would have broken a constraint and changed nothing; the transaction goes on."""


class SqlSession:
    """A context in which statements run in one transaction; what is not committed inside is rolled back at its end.

    ``failure`` remembers what broke the transaction. The database may have rolled it back then, so nothing of it can
    be committed, even if somebody caught the ``Unavailable`` and went on.

    SQLite's transactions follow each other, whatever ``reading`` says.
    """

    def __init__(self, engine: AsyncEngine, places: Places, reading: Reading = Reading.SHARED) -> None:
        self._engine = engine
        self._places = places
        self._reading = reading
        self._connection: AsyncConnection | None = None
        self.failure: Unavailable | None = None
        self.is_repeatable = False
        """After a failure: nothing was committed, and the next try may do better."""

    async def __aenter__(self) -> Self:
        try:
            await self._places.take()
        except Overloaded as error:
            self.failure = error
            raise
        try:
            self._connection = await self._engine.connect()
        except PoolTimeout as error:
            self._places.give_back()
            self.failure = Overloaded("no connection to the record came free")
            raise self.failure from error
        except DBAPIError as error:
            self._places.give_back()
            raise self._fail(error) from error
        except BaseException:
            self._places.give_back()
            raise
        try:
            await self._connection.begin()
            if self._reading is Reading.SNAPSHOT and self._connection.dialect.name != "sqlite":
                await self._connection.execute(_AS_SNAPSHOT)
        except DBAPIError as error:
            failure = await self._break(error)
            await self._close()
            raise failure from error
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._close()

    async def execute(
        self, statement: sa.Executable, parameters: Sequence[Mapping[str, object]] | None = None
    ) -> sa.CursorResult[Any]:
        """Run one statement, once or for each of several parameters.

        Raises ``ConstraintViolated`` and ``Unavailable``; ValueError for a value that its column cannot hold.
        """
        if isinstance(statement, sa.Select):
            if self._reading is Reading.LOCKED:
                statement = statement.with_for_update()
        elif self._reading is Reading.SNAPSHOT:
            message = "what only reads may not write"
            raise RuntimeError(message)
        connection = self._open()
        try:
            return await connection.execute(statement, parameters)
        except IntegrityError as error:
            raise ConstraintViolated(describe(error)) from error
        except DataError as error:  # too long, out of range: the caller's mistake, not an outage
            message = f"a value does not fit its column: {describe(error)}"
            raise ValueError(message) from error
        except DBAPIError as error:
            raise await self._break(error) from error
        except StatementError as error:  # a value that its column type refuses: the caller's mistake too
            raise error.orig or error from error
        except Exception:  # not an error of the driver's: it tripped, perhaps in the middle of an answer
            await connection.invalidate()
            raise

    async def upsert(
        self, table: sa.Table, values: Mapping[str, object], changes: Mapping[str, object] | None = None
    ) -> None:
        """Insert a row; where its primary key exists, apply ``changes`` to the stored one instead, in one statement.

        Without ``changes`` the stored row stays as it is. The table must have no other unique column: MariaDB would
        take a row that is equal there for the stored one. No change may read a column that another one writes: MariaDB
        applies them one after the other.
        """
        key = list(table.primary_key.columns)
        if self._open().dialect.name == "sqlite":
            insert = sqlite.insert(table).values(**values)
            if changes:
                insert = insert.on_conflict_do_update(index_elements=key, set_=dict(changes))
            else:
                insert = insert.on_conflict_do_nothing(index_elements=key)
            await self.execute(insert)
        else:
            unchanged = {column.name: column for column in key}
            await self.execute(mysql.insert(table).values(**values).on_duplicate_key_update(**(changes or unchanged)))

    async def upsert_all(
        self,
        table: sa.Table,
        rows: Sequence[Mapping[str, object]],
        changes: Callable[[Offered], Mapping[str, object]],
    ) -> None:
        """Do with several rows, in one statement, what ``upsert`` does with one.

        ``changes`` says what to do with a stored row, from what the columns of the row that is offered have.
        """
        if self._open().dialect.name == "sqlite":
            into_sqlite = sqlite.insert(table).values(list(rows))
            key = list(table.primary_key.columns)
            await self.execute(
                into_sqlite.on_conflict_do_update(index_elements=key, set_=dict(changes(into_sqlite.excluded)))
            )
        else:
            into_mariadb = mysql.insert(table).values(list(rows))
            await self.execute(into_mariadb.on_duplicate_key_update(**changes(into_mariadb.inserted)))

    async def commit(self) -> None:
        """Commit. Raises ``Unavailable``: then nothing was committed, unless only the answer was lost."""
        try:
            await self._open().commit()
        except DBAPIError as error:
            failure = await self._break(error)
            if fault_of(error) is Fault.LOST:
                # The server may have committed before the line went dead: running the work again could do it twice.
                self.is_repeatable = False
            raise failure from error

    def _open(self) -> AsyncConnection:
        if self._connection is None:
            message = "the transaction has ended"
            raise RuntimeError(message)
        if self.failure is not None:
            raise self.failure
        return self._connection

    async def _break(self, error: DBAPIError) -> Unavailable:
        failure = self._fail(error)
        if fault_of(error) is Fault.LOST and self._connection is not None and not self._connection.invalidated:
            await self._connection.invalidate()
        return failure

    def _fail(self, error: DBAPIError) -> Unavailable:
        self.failure = Unavailable(f"the record failed: {describe(error)}")
        self.is_repeatable = fault_of(error) is not Fault.BROKEN
        return self.failure

    async def _close(self) -> None:
        """Hand the connection back clean. It is cleaned, or cut, even if the caller goes away meanwhile."""
        connection, self._connection = self._connection, None
        if connection is not None:
            cleaning = asyncio.create_task(_clean(connection))
            self._places.give_back_after(cleaning)
            await asyncio.shield(cleaning)


async def _clean(connection: AsyncConnection) -> None:
    """Roll back what was not committed and return the connection to the pool.

    A server that hangs never answers the rollback; the pool cuts a connection whose cleaning was cancelled. A rollback
    that finds its connection gone has nothing left to roll back.
    """
    with suppress(DBAPIError, TimeoutError):
        async with asyncio.timeout(_CLEANING_TIMEOUT.total_seconds()):  # noqa: TID251 - nobody waits
            await connection.close()
