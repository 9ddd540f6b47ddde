"""One transaction, as the repositories use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from types import TracebackType
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from paseport_shared.adapters.sql.faults import Fault, describe, fault_of
from paseport_shared.domain.errors import Overloaded, Unavailable


class ConstraintViolated(Exception):
    """A statement would have broken a constraint and changed nothing; the transaction goes on."""


class SqlSession:
    """A context in which statements run in one transaction; what is not committed inside is rolled back at its end.

    ``failure`` remembers what broke the transaction. The database may have rolled it back then, so nothing of it can
    be committed, even if somebody caught the ``Unavailable`` and went on.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._exits = AsyncExitStack()
        self._connection: AsyncConnection | None = None
        self.failure: Unavailable | None = None
        self.is_repeatable = False
        """After a failure: nothing was committed, and the next try may do better."""

    async def __aenter__(self) -> Self:
        try:
            self._connection = await self._exits.enter_async_context(self._engine.connect())
            await self._connection.begin()
        except PoolTimeout as error:
            self.failure = Overloaded("no connection to the record came free")
            raise self.failure from error
        except DBAPIError as error:
            failure = self._break(error)
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

        Raises ``ConstraintViolated`` and ``Unavailable``.
        """
        try:
            return await self._open().execute(statement, parameters)
        except IntegrityError as error:
            raise ConstraintViolated(describe(error)) from error
        except DBAPIError as error:
            raise self._break(error) from error
        except StatementError as error:  # a value that its column type refuses: the caller's mistake, not an outage
            raise error.orig or error from error

    async def upsert(
        self, table: sa.Table, values: Mapping[str, object], changes: Mapping[str, object] | None = None
    ) -> None:
        """Insert a row; where its primary key exists, apply ``changes`` to the stored one instead, in one statement.

        Without ``changes`` the stored row stays as it is. The table must have no other unique column: MariaDB would
        take a row that is equal there for the stored one.
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

    async def commit(self) -> None:
        """Commit. Raises ``Unavailable``: then nothing was committed, unless only the answer was lost."""
        try:
            await self._open().commit()
        except DBAPIError as error:
            failure = self._break(error)
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

    def _break(self, error: DBAPIError) -> Unavailable:
        self.failure = Unavailable(f"the record failed: {describe(error)}")
        self.is_repeatable = fault_of(error) is not Fault.BROKEN
        return self.failure

    async def _close(self) -> None:
        self._connection = None
        # A rollback that finds its connection gone has nothing left to roll back.
        with suppress(DBAPIError):
            await self._exits.aclose()
