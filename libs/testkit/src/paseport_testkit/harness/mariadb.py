"""A MariaDB server of one's own, with a user for the product."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import asyncmy
from asyncmy.errors import Error, MySQLError

from paseport_testkit.harness.containers import run_once, server
from paseport_testkit.harness.ports import HOST, free_port
from paseport_testkit.harness.process import log_in
from paseport_testkit.harness.repository import MARIADB_FOLDER
from paseport_testkit.harness.service import Service

_ADMIN: Final = "harness"
_NO_SUCH_CONNECTION: Final = 1094
"""It has ended by itself meanwhile."""
_USER: Final = "paseport"
_INSTALLATION: Final = "paseport"
"""What docker/mariadb calls the database and, with the same name, the service's user."""
_CONNECT_TIMEOUT_SECONDS: Final = 5

_Rows: TypeAlias = Sequence[Sequence[Any]]
Ask: TypeAlias = Callable[[str], Awaitable[_Rows]]
"""Runs one statement and returns its rows."""


@dataclass(frozen=True, slots=True)
class Installation:
    """The database of an installation, for two users: the service's, and the one who changes tables."""

    host: str
    port: int
    name: str
    service: tuple[str, str]
    migration: tuple[str, str]

    @property
    def url(self) -> str:
        """The service's MARIADB_URL."""
        return self.url_at((self.host, self.port))

    @property
    def migration_url(self) -> str:
        """MARIADB_URL for ``paseport migrate``."""
        return _url(self.migration, (self.host, self.port), self.name)

    def url_at(self, address: tuple[str, int]) -> str:
        """Return the service's MARIADB_URL where something stands between it and the server."""
        return _url(self.service, address, self.name)


class MariaDb(Service):
    """A server that keeps its port and data over ``stop``, ``kill`` and ``start``.

    Everything that was acknowledged survives the death of the server. It may not survive the loss of the machine's
    power: the log is written at each commit but flushed to the disk once a second, which makes tests faster.
    It has the configuration of docker/mariadb, but for the default collation: migrations have to name theirs.
    """

    def __init__(self, folder: Path, port: int | None = None, *, logs: Path | None = None) -> None:
        self.host = HOST
        self.port = port or free_port()
        self.user = _USER
        self.password = secrets.token_urlsafe(18)
        self._admin_password = secrets.token_urlsafe(18)
        self._data = folder / "data"
        # A server that starts removes the temporary tables of whoever shares the folder.
        self._temporary = folder / "tmp"
        self._set_up = folder / "set-up.sql"
        self._installation_log = folder / "install.log"
        self._as_this_user = ["--user=root"] if os.geteuid() == 0 else []
        self._temporary.mkdir(parents=True, exist_ok=True)
        log = log_in(logs or folder, "mariadb")
        folders = [folder, MARIADB_FOLDER]
        super().__init__(server("mariadb", "mariadbd", self._arguments(), log, self._missing, folders=folders))

    def start(self) -> None:
        """Start with the data there is; make the data folder at the first start."""
        if not self._data.exists():
            self._install()
        super().start()

    def url(self, database: str) -> str:
        """Return the address of a database as the product's settings take it."""
        return _url((self.user, self.password), (self.host, self.port), database)

    def create_database(self, name: str) -> str:
        """Make an empty database that the product's user may do anything in, and return its address."""
        self.execute(f"CREATE DATABASE `{name}`", f"GRANT ALL ON `{name}`.* TO '{self.user}'@'%'")
        return self.url(name)

    def create_installation(self) -> Installation:
        """Make the database of an installation with docker/mariadb/create-database.sql, and its two users."""
        migration_password = secrets.token_urlsafe(18)
        statements = _statements_of(MARIADB_FOLDER / "create-database.sql")
        self.execute(
            f"SET @service_password = '{self.password}'",
            f"SET @migration_password = '{migration_password}'",
            *statements,
        )
        return Installation(
            self.host,
            self.port,
            _INSTALLATION,
            service=(self.user, self.password),
            migration=(f"{_INSTALLATION}_migrate", migration_password),
        )

    def drop_database(self, name: str) -> None:
        """Remove a database. Connections that use it are ended: an open transaction must not block this."""
        rows = self.execute(f"SELECT id FROM information_schema.processlist WHERE db = '{name}'")  # noqa: S608 - our name
        for (connection,) in rows:
            self._kill(connection)
        self.execute(f"DROP DATABASE `{name}`")

    def execute(self, *statements: str) -> _Rows:
        """Run statements as administrator, one by one, and return the rows of the last."""
        return _apart(self._execute(statements))

    def _kill(self, connection: int) -> None:
        try:
            self.execute(f"KILL SOFT CONNECTION {connection}")
        except MySQLError as error:
            if error.args[0] != _NO_SUCH_CONNECTION:
                raise

    def _arguments(self) -> list[str]:
        return [
            # Comes first: no file of this machine's own server is read, but the one that containers get.
            f"--defaults-file={MARIADB_FOLDER / 'paseport.cnf'}",
            *self._as_this_user,
            f"--datadir={self._data}",
            f"--tmpdir={self._temporary}",
            f"--bind-address={self.host}",
            f"--port={self.port}",
            # Relative to the data folder: the path of a socket may have 107 characters only.
            "--socket=server.sock",
            "--pid-file=server.pid",
            f"--init-file={self._set_up}",
            "--collation-server=utf8mb4_general_ci",
            "--max-connections=500",
            "--skip-log-bin",
            "--innodb-buffer-pool-size=64M",
            "--innodb-log-file-size=32M",
            "--innodb-flush-log-at-trx-commit=2",
        ]

    def _install(self) -> None:
        arguments = [
            "--no-defaults",
            *self._as_this_user,
            f"--datadir={self._data}",
            f"--tmpdir={self._temporary}",
            # root comes in through the socket only, as the user who owns the server.
            "--auth-root-authentication-method=socket",
            "--skip-test-db",
        ]
        run_once("mariadb-install-db", arguments, self._installation_log, folder=self._data.parent)
        self._set_up.touch(mode=0o600)
        # Run at each start, before the first connection is accepted. One statement per line.
        self._set_up.write_text(
            f"CREATE USER IF NOT EXISTS '{_ADMIN}'@'%' IDENTIFIED BY '{self._admin_password}';\n"
            f"GRANT ALL ON *.* TO '{_ADMIN}'@'%' WITH GRANT OPTION;\n"
            f"CREATE USER IF NOT EXISTS '{self.user}'@'%' IDENTIFIED BY '{self.password}';\n"
        )

    def _missing(self) -> str | None:
        try:
            self.execute("SELECT 1")
        except (OSError, Error) as refused:
            return str(refused)
        return None

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Ask]:
        """Open an administrator's connection for the block: a transaction stays open from one statement to the next."""
        connection = await asyncmy.connect(
            host=self.host,
            port=self.port,
            user=_ADMIN,
            password=self._admin_password,
            autocommit=True,
            connect_timeout=_CONNECT_TIMEOUT_SECONDS,
        )

        async def ask(statement: str) -> _Rows:
            async with connection.cursor() as cursor:
                await cursor.execute(statement)
                rows: _Rows = await cursor.fetchall()
            return rows

        try:
            yield ask
        finally:
            await connection.ensure_closed()

    async def _execute(self, statements: Sequence[str]) -> _Rows:
        rows: _Rows = ()
        async with self.connection() as ask:
            for statement in statements:
                rows = await ask(statement)
        return rows


def _url(user: tuple[str, str], address: tuple[str, int], database: str) -> str:
    return f"mariadb://{user[0]}:{user[1]}@{address[0]}:{address[1]}/{database}"


def _statements_of(script: Path) -> list[str]:
    lines = [line for line in script.read_text(encoding="utf-8").splitlines() if not line.startswith("--")]
    return [statement.strip() for statement in "\n".join(lines).split(";") if statement.strip()]


def _apart(work: Coroutine[Any, Any, _Rows]) -> _Rows:
    """Run a coroutine to its end on a thread of its own: the caller may stand inside a running event loop."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, work).result()
