"""Bringing a database up, taking it back, and telling an operator that it is neither."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from contracts.record_samples import a_user, add_users, an_event, an_id, get_user
from paseport_shared.adapters.sql import migrations
from paseport_shared.adapters.sql.engine import create_engine_for
from paseport_shared.adapters.sql.record import SqlRecord
from paseport_shared.adapters.sql.tables import metadata
from paseport_shared.domain.errors import Unavailable
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/paseport.db"


@pytest.fixture
async def engine(url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine_for(url)
    yield engine
    await engine.dispose()


async def test_a_new_database_is_brought_to_the_revision_that_the_code_needs(url: str, engine: AsyncEngine) -> None:
    assert await migrations.current(url) is None

    await migrations.upgrade(url)

    assert await migrations.current(url) == migrations.head()
    await migrations.check_revision(engine)


async def test_the_migrations_lead_to_the_tables_that_the_code_uses(url: str, engine: AsyncEngine) -> None:
    await migrations.upgrade(url)

    async with engine.connect() as connection:
        differences = await connection.run_sync(differences_to_the_code)

    assert differences == []


async def test_up_back_and_up_again_leads_to_the_same_schema(url: str, engine: AsyncEngine) -> None:
    """DT-01, on a filled copy. What a step loses on the way back, its docstring declares."""
    await migrations.upgrade(url)
    first = await schema(engine)
    await add_users(SqlRecord(engine), a_user(1))
    await SqlRecord(engine).transact(lambda transaction: transaction.audit.append(an_event(1)))

    await migrations.downgrade(url, migrations.BASE)
    gone = await schema(engine)
    await migrations.upgrade(url)

    assert set(gone) == {"alembic_version"}
    assert await migrations.current(url) == migrations.head()
    assert await schema(engine) == first


async def test_migrating_a_database_that_is_up_to_date_keeps_every_row(url: str, engine: AsyncEngine) -> None:
    await migrations.upgrade(url)
    await add_users(SqlRecord(engine), a_user(1))

    await migrations.upgrade(url)

    assert await get_user(SqlRecord(engine), an_id(1)) == a_user(1)


async def test_replicas_that_start_together_migrate_once(url: str, engine: AsyncEngine) -> None:
    await asyncio.gather(*(migrations.upgrade(url) for _ in range(3)))

    await migrations.check_revision(engine)


@pytest.mark.parametrize("command", ["upgrade", "downgrade"])
async def test_a_migration_that_was_killed_at_any_statement_completes_when_it_is_run_again(
    tmp_path: Path, command: str
) -> None:
    """DT-02: MariaDB commits each change of the schema on its own; here SQLite is made to do the same."""

    async def migrate(url: str) -> None:
        if command == "upgrade":
            await migrations.upgrade(url)
        else:
            await migrations.downgrade(url, migrations.BASE)

    async def prepared(name: str) -> str:
        url = f"sqlite:///{tmp_path}/{name}.db"
        if command == "downgrade":
            await migrations.upgrade(url)
        return url

    async def schema_of(url: str) -> dict[str, str]:
        engine = create_engine_for(url)
        try:
            return await schema(engine)
        finally:
            await engine.dispose()

    undisturbed = await prepared("undisturbed")
    with killed_after(None) as statements:
        await migrate(undisturbed)
    expected = await schema_of(undisturbed)
    assert len(statements) >= 5

    for survived in range(len(statements)):
        url = await prepared(f"killed{survived}")
        with killed_after(survived), pytest.raises(Killed):
            await migrate(url)
        await migrate(url)

        assert await schema_of(url) == expected
        assert await migrations.current(url) == await migrations.current(undisturbed)


async def test_an_operator_who_forgot_to_migrate_is_told_what_to_run(url: str, engine: AsyncEngine) -> None:
    """DT-02: the app refuses a wrong revision."""
    with pytest.raises(migrations.WrongRevision, match=r"at revision base.*needs \d+.*`paseport migrate`"):
        await migrations.check_revision(engine)


async def test_an_operator_who_went_back_a_version_is_told_so(url: str, engine: AsyncEngine) -> None:
    await migrations.upgrade(url)
    async with engine.begin() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(migrations.WrongRevision, match=r"at revision 9999, which is newer.*Install"):
        await migrations.check_revision(engine)


@pytest.mark.usefixtures("connections_end")
async def test_a_database_that_cannot_be_reached_is_unavailable(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/no such folder/paseport.db"
    engine = create_engine_for(url)

    with pytest.raises(Unavailable):
        await migrations.upgrade(url)
    with pytest.raises(Unavailable):
        await migrations.current(url)
    with pytest.raises(Unavailable):
        await migrations.check_revision(engine)


async def test_a_folder_name_with_a_percent_sign_is_a_folder_name(tmp_path: Path) -> None:
    (tmp_path / "100%(here)s").mkdir()
    url = f"sqlite:///{tmp_path}/100%(here)s/paseport.db"

    await migrations.upgrade(url)

    assert await migrations.current(url) == migrations.head()


# --- looking at schemas, killing migrations -----------------------------------------------------------------------


def differences_to_the_code(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, metadata))


async def schema(engine: AsyncEngine) -> dict[str, str]:
    """Name → definition of all tables and indexes, as SQLite keeps them."""
    async with engine.connect() as connection:
        rows = await connection.execute(sa.text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
        return {row.name: re.sub(r"\s+", " ", row.sql) for row in rows}


class Killed(BaseException):
    """Stands for the end of the process."""


@contextmanager
def killed_after(survived: int | None) -> Iterator[list[str]]:
    """Commit after each change of the schema, and end the process before the one that comes after so many."""
    statements: list[str] = []

    def is_step(statement: str) -> bool:
        return statement.lstrip().startswith(("CREATE", "DROP")) and "alembic_version" not in statement

    def kill(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if is_step(statement) and len(statements) == survived:
            raise Killed

    def commit(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if is_step(statement):
            statements.append(statement)
            cursor.execute("COMMIT")
            cursor.execute("BEGIN IMMEDIATE")

    sa.event.listen(sa.Engine, "before_cursor_execute", kill)
    sa.event.listen(sa.Engine, "after_cursor_execute", commit)
    try:
        yield statements
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", kill)
        sa.event.remove(sa.Engine, "after_cursor_execute", commit)
