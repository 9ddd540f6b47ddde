"""docker/mariadb: one user who reads and writes, one who changes tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import asyncmy
import pytest
from asyncmy.errors import OperationalError
from paseport_shared.adapters.sql import migrations
from paseport_testkit.harness.mariadb import MariaDb

SCRIPT = Path(__file__).resolve().parents[4] / "docker" / "mariadb" / "create-database.sql"
SERVICE_PASSWORD = "service-0123456789abcdef"
MIGRATION_PASSWORD = "migration-0123456789abcdef"


@pytest.fixture
def prepared_database(mariadb: MariaDb) -> Iterator[MariaDb]:
    """A server on which docker/mariadb/create-database.sql ran."""
    script = SCRIPT.read_text()
    statements = [line for line in script.splitlines() if line and not line.startswith("--")]
    mariadb.execute(
        f"SET @service_password = '{SERVICE_PASSWORD}'",
        f"SET @migration_password = '{MIGRATION_PASSWORD}'",
        *(statement.removesuffix(";") for statement in statements),
    )
    yield mariadb
    mariadb.execute(
        "DROP DATABASE paseport", "DROP USER paseport_migrate@'%'", f"ALTER USER {mariadb.user}@'%' IDENTIFIED BY "
        f"'{mariadb.password}'"
    )  # fmt: skip


async def run(mariadb: MariaDb, user: str, password: str, *statements: str) -> Sequence[Sequence[Any]]:
    connection = await asyncmy.connect(
        host=mariadb.host, port=mariadb.port, user=user, password=password, db="paseport", autocommit=True
    )
    try:
        rows: Sequence[Sequence[Any]] = ()
        async with connection.cursor() as cursor:
            for statement in statements:
                await cursor.execute(statement)
                rows = await cursor.fetchall()
        return rows
    finally:
        connection.close()


async def test_migrations_run_as_their_user_and_the_issuer_cannot_change_a_table(prepared_database: MariaDb) -> None:
    """DT-01."""
    host, port = prepared_database.host, prepared_database.port
    await migrations.upgrade(f"mariadb://paseport_migrate:{MIGRATION_PASSWORD}@{host}:{port}/paseport")

    async def issuer(*statements: str) -> Sequence[Sequence[Any]]:
        return await run(prepared_database, "paseport", SERVICE_PASSWORD, *statements)

    assert len(await issuer("SELECT version_num FROM alembic_version")) == 1
    for statement in (
        "DROP TABLE users",
        "ALTER TABLE users ADD COLUMN x INT",
        "CREATE TABLE x (a INT)",
        "SELECT * FROM mysql.user",
        "SELECT 1 INTO OUTFILE '/tmp/x'",
        "SET GLOBAL read_only = 1",
    ):
        with pytest.raises(OperationalError):
            await issuer(statement)


async def test_texts_are_compared_byte_by_byte(prepared_database: MariaDb) -> None:
    equal = await run(
        prepared_database,
        "paseport_migrate",
        MIGRATION_PASSWORD,
        "CREATE TABLE x (a VARCHAR(8) PRIMARY KEY)",
        "INSERT INTO x VALUES ('a'), ('a '), ('á'), ('A')",
        "SELECT COUNT(*) FROM x",
    )

    assert equal[0][0] == 4
