"""What MariaDB is told, and what its errors mean: as far as can be known without one."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from contracts.record_samples import NOW, a_user, add_users
from paseport_shared.adapters.sql import migrations
from paseport_shared.adapters.sql.engine import create_engine_for
from paseport_shared.adapters.sql.faults import Fault, describe, fault_of
from paseport_shared.adapters.sql.record import SqlRecord
from paseport_shared.adapters.sql.tables import metadata
from paseport_shared.domain.ports.record import RecordTransaction
from sqlalchemy.dialects.mysql.mariadb import MariaDBDialect
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.schema import CreateTable

MARIADB = MariaDBDialect()


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
def test_text_is_equal_to_itself_only(table: sa.Table) -> None:
    """MariaDB's usual collations take ``á`` for ``a``; ``utf8mb4_bin`` takes ``'a '`` for ``'a'``."""
    definition = str(CreateTable(table).compile(dialect=MARIADB))

    columns = [line for line in definition.splitlines() if "VARCHAR" in line or "TEXT" in line]
    assert all("COLLATE utf8mb4_nopad_bin" in column for column in columns)
    assert definition.rstrip().endswith("ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE utf8mb4_nopad_bin")


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
def test_times_keep_their_microseconds_and_ids_are_native(table: sa.Table) -> None:
    for column in table.columns:
        spelling = column.type.compile(dialect=MARIADB)
        if isinstance(column.type, sa.Uuid):
            assert spelling == "UUID"
        assert "DATETIME" not in spelling or spelling == "DATETIME(6)"


def test_no_index_is_longer_than_innodb_allows() -> None:
    """3,072 bytes, four for each character."""
    for table in metadata.sorted_tables:
        keys: list[Any] = [*table.constraints, *table.indexes]
        for key in keys:
            assert sum(4 * (getattr(column.type, "length", None) or 4) for column in key.columns) <= 3072


async def test_counting_admins_locks_them_and_consuming_a_link_is_one_statement(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/paseport.db"
    await migrations.upgrade(url)
    engine = create_engine_for(url)
    statements: list[str] = []

    def note(connection: Any, statement: Any, *rest: Any) -> None:
        statements.append(str(statement.compile(dialect=MARIADB)))

    async def work(transaction: RecordTransaction) -> None:
        await transaction.users.count_active_admins()
        await transaction.password_resets.consume(bytes(32), NOW)

    await add_users(SqlRecord(engine), a_user(1))
    sa.event.listen(engine.sync_engine, "before_execute", note)
    await SqlRecord(engine).transact(work)
    await engine.dispose()

    count, consume = statements
    assert count.endswith("FOR UPDATE")
    assert consume.startswith("DELETE")
    assert "RETURNING" in consume


def failure(code: int, message: str = "", *, invalidated: bool = False) -> DBAPIError:
    return OperationalError("SELECT 1", {}, Exception(code, message), connection_invalidated=invalidated)


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (failure(1213, "Deadlock found when trying to get lock; try restarting transaction"), Fault.CONTENTION),
        (failure(1205, "Lock wait timeout exceeded; try restarting transaction"), Fault.CONTENTION),
        (failure(1020, "Record has changed since last read in table 'users'"), Fault.CONTENTION),
        (failure(2003, "Can't connect to MySQL server on '127.0.0.1'"), Fault.LOST),
        (failure(2006, "MySQL server has gone away"), Fault.LOST),
        (failure(2013, "Lost connection to MySQL server during query"), Fault.LOST),
        (failure(1040, "Too many connections"), Fault.LOST),
        (failure(1053, "Server shutdown in progress"), Fault.LOST),
        (failure(4031, "The client was disconnected by the server because of inactivity"), Fault.LOST),
        (failure(0, "Not connected", invalidated=True), Fault.LOST),
        (failure(0, "Cancelled during execution"), Fault.LOST),
        (OperationalError("SELECT 1", {}, Exception("Packet sequence number wrong - got 3 expected 1")), Fault.LOST),
        (failure(1045, "Access denied for user 'paseport'@'localhost'"), Fault.BROKEN),
        (failure(1114, "The table 'users' is full"), Fault.BROKEN),
        (failure(1146, "Table 'paseport.users' doesn't exist"), Fault.BROKEN),
        (failure(1290, "The MariaDB server is running with the --read-only option"), Fault.BROKEN),
        (failure(1969, "Query execution was interrupted (max_statement_time exceeded)"), Fault.BROKEN),
    ],
)
def test_a_fault_says_whether_repeating_helps(error: DBAPIError, fault: Fault) -> None:
    assert fault_of(error) is fault


def test_a_reason_for_the_log_names_the_error_and_quotes_nothing() -> None:
    error = failure(1062, "Duplicate entry 'alice@example.com' for key 'uq_users_canonical_email'")

    assert describe(error) == "Exception 1062"


def test_a_reason_for_the_log_names_what_made_connecting_fail() -> None:
    original = Exception(2003, "Can't connect to MySQL server on 'db.example.com'")
    original.__cause__ = ConnectionRefusedError("Connect call failed ('192.0.2.1', 3306)")

    assert describe(OperationalError("", {}, original)) == "Exception 2003 (ConnectionRefusedError)"


@pytest.mark.parametrize(
    "url",
    [
        "mariadb://host/database",
        "mariadb://user:secret@host",
        "mariadb://user:secret@/database",
        "mariadb://user:secret@host/database?charset=latin1",
        "not a url with a secret",
    ],
)
def test_an_operator_whose_url_says_too_little_or_too_much_is_told_so(url: str) -> None:
    with pytest.raises(ValueError, match="mariadb://user:password@host/database") as refusal:
        create_engine_for(url)

    assert "secret" not in str(refusal.value)
