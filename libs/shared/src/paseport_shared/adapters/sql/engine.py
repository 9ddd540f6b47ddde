"""Engines: how a URL becomes connections with the transactions that the record promises."""

from __future__ import annotations

import asyncio
import os
import ssl
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

import asyncmy
import sqlalchemy as sa
from asyncmy.constants.CR import CR_SERVER_LOST
from asyncmy.errors import MySQLError, OperationalError
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, QueuePool

LOCK_TIMEOUT: Final = timedelta(milliseconds=500)
"""How long one statement waits for another transaction before the whole transaction is tried again."""
STATEMENT_TIMEOUT: Final = timedelta(seconds=2)
"""How long MariaDB works on one statement: as long as ``record.DEADLINE``, after which nobody waits for it."""
POOL_SIZE: Final = 10
_CONNECT_TIMEOUT: Final = timedelta(seconds=2)
_POOL_TIMEOUT: Final = timedelta(seconds=1)
_ABANDONED_AFTER: Final = timedelta(seconds=3)
"""When MariaDB ends a transaction whose owner is silent: longer than ``record.DEADLINE``, no owner waits then."""
_IDLE_TIMEOUT: Final = timedelta(hours=1)
"""When MariaDB closes a connection whose owner is silent: a machine that vanished never closes its own."""
_MARIADB_OPTIONS: Final = {"ssl_ca", "ssl_cert", "ssl_key"}


def create_engine_for(
    url: str,
    *,
    pool_size: int = POOL_SIZE,
    lock_timeout: timedelta = LOCK_TIMEOUT,
    statement_timeout: timedelta | None = STATEMENT_TIMEOUT,
) -> AsyncEngine:
    """Return an engine for ``sqlite:///path`` or ``mariadb://user:password@host/database``; nothing is connected yet.

    ``mariadb://…?ssl_ca=/path/ca.pem`` encrypts, and accepts only a server whose certificate one of these authorities
    issued for the URL's host; ``ssl_cert`` and ``ssl_key`` add a certificate of our own. Without ``ssl_ca`` nothing is
    encrypted. ``pool_size`` and ``statement_timeout`` (None: no limit) are MariaDB's; SQLite has one connection.

    The driver is ours to choose, so a URL may name it or not. ValueError for another kind of database, for a URL or a
    certificate file that cannot be used, and for SQLite without a file: a record in memory is ``MemoryRecord``.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        message = "the record's URL cannot be read: use mariadb://user:password@host/database or sqlite:///path"
        raise ValueError(message) from error
    match parsed.get_backend_name():
        case "sqlite":
            return _create_sqlite_engine(parsed, lock_timeout)
        case "mysql" | "mariadb":
            return _create_mariadb_engine(parsed, pool_size, lock_timeout, statement_timeout)
        case other:
            message = f"the record cannot be kept in {other}: use mariadb:// or sqlite:///"
            raise ValueError(message)


def capacity_of(engine: AsyncEngine) -> int:
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


def _create_mariadb_engine(
    url: URL, pool_size: int, lock_timeout: timedelta, statement_timeout: timedelta | None
) -> AsyncEngine:
    if not url.host or not url.username or not url.database or url.query.keys() - _MARIADB_OPTIONS:
        message = (
            "a MariaDB URL names user, host and database, and nothing else but ssl_ca, ssl_cert and ssl_key: "
            "mariadb://user:password@host/database?ssl_ca=/path"
        )
        raise ValueError(message)
    arguments: dict[str, Any] = {
        "async_creator_fn": _connect,
        "charset": "utf8mb4",
        "connect_timeout": int(_CONNECT_TIMEOUT.total_seconds()),
        "init_command": _session_settings(lock_timeout, statement_timeout),
        # The driver writes values into the statement. Bytes are marked as such: without, they would be text that is
        # not UTF-8.
        "binary_prefix": True,
    }
    if url.password is not None:
        arguments["password"] = url.password.encode()  # the driver's own encoding of text is Latin-1
    if url.query:
        arguments["ssl"] = _tls_context(url)
    return create_async_engine(
        url.set(drivername="mariadb+asyncmy", query={}),
        isolation_level="SERIALIZABLE",
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=_POOL_TIMEOUT.total_seconds(),
        pool_recycle=int(_IDLE_TIMEOUT.total_seconds() / 2),
        connect_args=arguments,
        hide_parameters=True,
    )


async def _connect(**arguments: Any) -> asyncmy.Connection:
    cancelled_before = _times_cancelled()
    try:
        connection = await asyncmy.connect(**arguments)
    except (MySQLError, OSError):
        raise
    except Exception as error:  # where a server hangs up early, the driver trips, and not over an error of its own
        raise OperationalError(CR_SERVER_LOST, "the server did not say hello") from error
    # The driver connects within `asyncio.wait_for`, which up to Python 3.11 returns where it is cancelled in the moment
    # in which it succeeds (CPython gh-86296). A deadline would be over then, and nobody would ever hear of it.
    if _times_cancelled() > cancelled_before:
        connection.close()
        raise asyncio.CancelledError
    return connection


def _times_cancelled() -> int:
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


def _session_settings(lock_timeout: timedelta, statement_timeout: timedelta | None) -> str:
    """Return the statement that every new MariaDB connection begins with."""
    lock_seconds = max(1, round(lock_timeout.total_seconds()))  # whole seconds
    settings = {
        # Strict: a value that does not fit is an error, never cut off silently. Setting the mode also takes back a
        # server's own NO_BACKSLASH_ESCAPES and ANSI_QUOTES, under which the driver's quoting would not hold.
        "sql_mode": "'TRADITIONAL'",
        "innodb_lock_wait_timeout": lock_seconds,
        "lock_wait_timeout": lock_seconds,
        "wait_timeout": int(_IDLE_TIMEOUT.total_seconds()),
        # The driver writes MariaDB's warnings into the log, and they quote values.
        "sql_notes": 0,
        "max_error_count": 0,
    }
    if statement_timeout is not None:
        settings["max_statement_time"] = statement_timeout.total_seconds()
        # A process that hangs, or a line that is cut without a word, would otherwise hold its locks for hours.
        settings["idle_transaction_timeout"] = int(_ABANDONED_AFTER.total_seconds())
    return "SET SESSION " + ", ".join(f"{name}={value}" for name, value in settings.items())


def _tls_context(url: URL) -> ssl.SSLContext:
    files = {option: value for option, value in url.query.items() if isinstance(value, str)}
    if "ssl_ca" not in files or ("ssl_cert" in files) != ("ssl_key" in files):
        message = "ssl_ca names the authorities of the server's certificate; ssl_cert and ssl_key come together"
        raise ValueError(message)
    try:
        context = ssl.create_default_context(cafile=files["ssl_ca"])
        if "ssl_cert" in files:
            context.load_cert_chain(files["ssl_cert"], files["ssl_key"])
    except OSError as error:
        message = f"the certificates for the record cannot be read from {', '.join(files.values())}"
        raise ValueError(message) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
