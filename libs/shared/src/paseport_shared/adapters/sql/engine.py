"""Engines: how a URL becomes connections with the transactions that the record promises."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, QueuePool

LOCK_TIMEOUT: Final = timedelta(milliseconds=500)
"""How long one statement waits for another transaction before the whole transaction is tried again."""
_CONNECT_TIMEOUT: Final = timedelta(seconds=2)
_MARIADB_POOL: Final = 10


def create_engine_for(url: str, *, lock_timeout: timedelta = LOCK_TIMEOUT) -> AsyncEngine:
    """Return an engine for ``sqlite:///path`` or ``mariadb://user:password@host/database``; nothing is opened yet.

    The driver is ours to choose, so a URL may name it or not. ValueError for another kind of database, and for
    SQLite without a file: a record in memory is ``MemoryRecord``.
    """
    parsed = make_url(url)
    match parsed.get_backend_name():
        case "sqlite":
            return _create_sqlite_engine(parsed, lock_timeout)
        case "mysql" | "mariadb":
            return _create_mariadb_engine(parsed, lock_timeout)
        case other:
            message = f"the record cannot be kept in {other}: use mariadb:// or sqlite:///"
            raise ValueError(message)


def pool_size(engine: AsyncEngine) -> int:
    """Return how many connections the engine opens at most."""
    pool = engine.sync_engine.pool
    return pool.size() if isinstance(pool, QueuePool) else 1


def _create_sqlite_engine(url: URL, lock_timeout: timedelta) -> AsyncEngine:
    path = url.database
    if not path or path == ":memory:" or url.query:
        message = "a SQLite URL names a file and nothing else: sqlite:///path"
        raise ValueError(message)
    engine = create_async_engine(
        url.set(drivername="sqlite+aiosqlite"),
        # One writer at a time is all that SQLite has. Queueing for the one connection (``SqlRecord``) is fair and wakes
        # up at once; queueing in SQLite's busy handler is neither.
        poolclass=AsyncAdaptedQueuePool,
        pool_size=1,
        max_overflow=0,
        connect_args={"timeout": lock_timeout.total_seconds()},
        # Parameters are password hashes and addresses; an error must not carry them into a log.
        hide_parameters=True,
    )

    @sa.event.listens_for(engine.sync_engine, "do_connect")
    def create_private_file(dialect: Any, record: Any, arguments: Any, parameters: Any) -> None:
        # The file holds password hashes, and SQLite would create it readable by everyone. Its journal files take over
        # the mode. Where this fails, connecting fails too and says so better.
        with suppress(OSError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))

    @sa.event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, record: Any) -> None:
        # Python's own transaction control begins too late, at the first write; `begin` below takes its place.
        connection.isolation_level = None
        cursor = connection.cursor()
        # WAL: readers of other processes do not stop the writer. FULL: a commit that was acknowledged survives a power
        # cut, which NORMAL does not promise in WAL mode.
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @sa.event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        # A deferred transaction that reads and then writes can fail half-way with SQLITE_BUSY, and no waiting helps.
        # Taking the write lock first makes transactions follow each other: serialisable.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _create_mariadb_engine(url: URL, lock_timeout: timedelta) -> AsyncEngine:
    lock_seconds = max(1, round(lock_timeout.total_seconds()))  # InnoDB counts whole seconds
    return create_async_engine(
        url.set(drivername="mariadb+asyncmy"),
        isolation_level="SERIALIZABLE",
        pool_size=_MARIADB_POOL,
        max_overflow=0,
        connect_args={
            "charset": "utf8mb4",
            "connect_timeout": int(_CONNECT_TIMEOUT.total_seconds()),
            # Strict: a value that does not fit is an error, never cut off silently.
            "init_command": f"SET SESSION sql_mode='TRADITIONAL', innodb_lock_wait_timeout={lock_seconds}",
        },
        hide_parameters=True,
    )
