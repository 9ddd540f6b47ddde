"""Bringing a database up, taking it back, and telling an operator that it is neither; on SQLite and on MariaDB."""

import asyncio
import itertools
import json
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from contracts.api_key_samples import a_full_key
from contracts.client_samples import a_client, a_full_client, a_verifier
from contracts.due_projections import due
from contracts.provider_samples import a_full_provider, an_identity
from contracts.record_samples import NOW, a_user, add_users, an_admin, an_event, an_id, get_user
from contracts.signing_key_repository import a_signing_key, an_id_signing_key
from paseport.revocation import Revocation, RevocationKind
from paseport_shared.adapters.sql import migrations, revision
from paseport_shared.adapters.sql.engine import create_engine_for
from paseport_shared.adapters.sql.record import SqlRecord
from paseport_shared.adapters.sql.revision import (
    BASE,
    REVISIONS,
    WrongRevision,
    WrongServer,
    check_revision,
    check_server,
)
from paseport_shared.adapters.sql.tables import metadata
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.client_registry import DeletedClient
from paseport_shared.domain.models.consent import Consent
from paseport_shared.domain.models.password_reset import PasswordReset
from paseport_shared.domain.models.signing_key import KeyStatus, SigningKey
from paseport_shared.domain.models.user import UserQuery
from paseport_shared.domain.ports.record import RecordTransaction
from paseport_testkit.harness.mariadb import MariaDb
from sqlalchemy.dialects.mysql.mariadb import MariaDBDialect
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

STEPS = [path.name[1:5] for path in sorted(Path(migrations.__file__).parent.glob("versions/r*.py"))]
"""All revisions, the oldest first."""


@pytest.fixture(params=["sqlite", "mariadb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/paseport.db"
    database_url: str = request.getfixturevalue("database_url")
    return database_url


@pytest.fixture
async def engine(url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine_for(url)
    yield engine
    await engine.dispose()


async def test_a_new_database_is_brought_to_the_revision_that_the_code_needs(url: str, engine: AsyncEngine) -> None:
    assert await migrations.current(url) is None

    await migrations.upgrade(url)

    assert tuple(STEPS) == REVISIONS
    assert await migrations.current(url) == REVISIONS[-1]
    await check_revision(engine)


async def test_the_migrations_lead_to_the_tables_that_the_code_uses(url: str, engine: AsyncEngine) -> None:
    await migrations.upgrade(url)

    async with engine.connect() as connection:
        differences = await connection.run_sync(differences_to_the_code)

    assert differences == []


@pytest.mark.parametrize("revision", [BASE, *STEPS[:-1]])
async def test_back_to_any_step_and_up_again_loses_what_the_steps_behind_it_declare_and_nothing_else(
    url: str, engine: AsyncEngine, revision: str
) -> None:
    """DT-01, on a filled copy."""
    await migrations.upgrade(url, "head" if revision == BASE else revision)
    tables_of_then = set() if revision == BASE else set(await schema(engine))
    await migrations.upgrade(url)
    before = await schema(engine)
    await fill(SqlRecord(engine))
    rows = await rows_of_all_tables(engine)
    assert all(rows.values())

    await migrations.downgrade(url, revision)
    back = await schema(engine)
    await migrations.upgrade(url)

    assert await schema(engine) == before
    assert await migrations.current(url) == REVISIONS[-1]
    assert set(back) == tables_of_then | {"alembic_version"}
    assert await rows_of_all_tables(engine) == {
        table: content if table in tables_of_then else [] for table, content in rows.items()
    }


async def test_back_before_there_were_rsa_keys_none_is_taken_for_another(url: str, engine: AsyncEngine) -> None:
    """DT-01: what the step declares as lost is lost whole, and access tokens go on."""
    await migrations.upgrade(url)
    record = SqlRecord(engine)
    kept, lost = a_signing_key(1, KeyStatus.ACTIVE), an_id_signing_key(1, KeyStatus.ACTIVE)

    async def versions(name: str) -> tuple[SigningKey, ...]:
        return await record.transact(lambda transaction: transaction.signing_keys.versions(name))

    async def add(transaction: RecordTransaction) -> None:
        await transaction.signing_keys.add(kept)
        await transaction.signing_keys.add(lost)

    await record.transact(add)

    await migrations.downgrade(url, "0005")
    await migrations.upgrade(url)

    assert await versions(kept.key_name) == (kept,)
    assert await versions(lost.key_name) == ()


async def test_back_before_there_were_verifiers_none_is_taken_for_a_client(url: str, engine: AsyncEngine) -> None:
    """DT-01: each is revoked, in the directory too once somebody carries it there, and clients go on."""
    await migrations.upgrade(url)
    record = SqlRecord(engine)
    verifier, gone = a_verifier("verifier-1", revision=3), a_verifier("verifier-2")

    async def add(transaction: RecordTransaction) -> None:
        for client in (a_client(), verifier, gone):
            await transaction.clients.add(client)
            await transaction.clients.settle(client.client_id, client.revision)
        await transaction.clients.delete("verifier-2", expected_revision=1, at=NOW)
        await transaction.clients.settle("verifier-2", 2)

    await record.transact(add)

    await migrations.downgrade(url, "0006")
    await migrations.upgrade(url)

    left = DeletedClient("verifier-1", 4, NOW)
    assert await record.transact(lambda transaction: transaction.clients.due(10)) == (left,)
    entries = await record.transact(lambda transaction: transaction.clients.entries(None, 10))
    assert entries == (a_client(), left, DeletedClient("verifier-2", 2, NOW))


async def test_back_before_there_were_providers_no_address_counts_as_verified(url: str, engine: AsyncEngine) -> None:
    """DT-01: whoever owns a mailbox has to show it again, and everything else of a user is kept."""
    await migrations.upgrade(url)
    record = SqlRecord(engine)
    await add_users(record, a_user(1, email_verified=True), a_user(2))

    await migrations.downgrade(url, "0007")
    await migrations.upgrade(url)

    assert [await get_user(record, an_id(number)) for number in (1, 2)] == [a_user(1), a_user(2)]


async def test_back_before_providers_let_people_manage_keys_none_does(url: str, engine: AsyncEngine) -> None:
    """DT-01: what an administrator said of a provider's access tokens is lost whole, and the provider goes on."""
    await migrations.upgrade(url)
    record = SqlRecord(engine)
    await record.transact(lambda transaction: transaction.providers.add(a_full_provider()))

    await migrations.downgrade(url, "0009")
    await migrations.upgrade(url)

    kept = await record.transact(lambda transaction: transaction.providers.list_all())
    assert kept == (a_full_provider(api_access=None, refresh_seconds=3600),)


async def test_migrating_a_database_that_is_up_to_date_keeps_every_row(url: str, engine: AsyncEngine) -> None:
    await migrations.upgrade(url)
    await fill(SqlRecord(engine))
    rows = await rows_of_all_tables(engine)

    await migrations.upgrade(url)

    assert await rows_of_all_tables(engine) == rows


# --- several versions of the code on one database -----------------------------------------------------------------


@pytest.mark.parametrize(("before", "step"), [*itertools.pairwise(STEPS)])
async def test_a_step_adds_only_what_the_code_of_one_version_back_never_meets(
    url: str, engine: AsyncEngine, before: str, step: str
) -> None:
    """DT-01: services of the version before go on while the database is migrated."""
    await migrations.upgrade(url, before)
    async with engine.connect() as connection:
        old = await connection.run_sync(what_statements_meet)

    await migrations.upgrade(url, step)
    async with engine.connect() as connection:
        new = await connection.run_sync(what_statements_meet)

    for table, (columns, rules) in old.items():
        new_columns, new_rules = new[table]
        assert new_rules == rules
        assert {name: new_columns[name] for name in columns} == columns
        assert all(may_be_left_out for name, (_, may_be_left_out) in new_columns.items() if name not in columns)


async def test_services_go_on_while_the_next_version_adds_to_their_tables(url: str, engine: AsyncEngine) -> None:
    """DT-01: what the next step may do (see ``migrations``) is done here, and nothing of it is noticed."""
    await migrations.upgrade(url)
    record = SqlRecord(engine)
    await add_users(record, a_user(1))

    async with engine.begin() as connection:
        for statement in (
            "ALTER TABLE users ADD COLUMN shoe_size INTEGER",
            "ALTER TABLE users ADD COLUMN locale VARCHAR(16) NOT NULL DEFAULT 'en'",
            "CREATE INDEX ix_users_of_the_next_version ON users (disabled, id)",
            "CREATE TABLE next_version (id INTEGER PRIMARY KEY)",
        ):
            await connection.execute(sa.text(statement))

    await fill(record)
    assert await get_user(record, an_id(1)) == a_user(1)
    page = await record.transact(lambda transaction: transaction.users.page(UserQuery(search="user")))
    assert page.total == 3


# --- migrations that are killed, or come in pairs -----------------------------------------------------------------


class Migrator:
    """Another process that migrates, and may die on the way."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("sql_migrator.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(
        self, url: str, revision: str, *, survived: int | None = None, processes: int = 1
    ) -> tuple[list[int], int]:
        """Return how the processes ended and how many changes they made."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {"url": url, "revision": revision, "survived": survived, "processes": processes}
        print(json.dumps(order), file=self._process.stdin, flush=True)
        answer = json.loads(self._process.stdout.readline())
        return answer["statuses"], answer["changes"]

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="module")
def migrator() -> Iterator[Migrator]:
    migrator = Migrator()
    yield migrator
    migrator.close()


@pytest.fixture(params=["sqlite", "mariadb"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Makes empty databases."""
    if request.param == "sqlite":
        yield lambda name: f"sqlite:///{tmp_path}/{name}.db"
        return
    mariadb: MariaDb = request.getfixturevalue("mariadb")
    made: list[str] = []

    def make(name: str) -> str:
        made.append(f"migrated_{name}")
        return mariadb.create_database(made[-1])

    yield make
    for name in made:
        mariadb.drop_database(name)


@pytest.mark.parametrize("revision", [BASE, "head"])
async def test_a_migration_that_was_killed_at_any_statement_completes_when_it_is_run_again(
    new_url: Callable[[str], str], migrator: Migrator, revision: str
) -> None:
    """DT-02: MariaDB commits each change of the schema on its own. The process that migrates is killed, really."""

    async def prepared(name: str) -> str:
        url = new_url(name)
        if revision == BASE:
            await migrations.upgrade(url)
        return url

    undisturbed = await prepared("undisturbed")
    statuses, changes = migrator(undisturbed, revision)
    expected = await schema_at(undisturbed)
    assert statuses == [0]
    assert changes > len(STEPS)

    for survived in range(changes):
        url = await prepared(f"killed_{survived}")
        killed, _ = migrator(url, revision, survived=survived)
        again, _ = migrator(url, revision)

        assert (killed, again) == ([-signal.SIGKILL], [0])
        assert await schema_at(url) == expected
        assert await migrations.current(url) == await migrations.current(undisturbed)


async def test_replicas_that_start_together_migrate_once(url: str, engine: AsyncEngine, migrator: Migrator) -> None:
    statuses, changes_of_three = await asyncio.to_thread(migrator, url, "head", processes=3)
    again, changes_of_nobody = await asyncio.to_thread(migrator, url, "head", processes=3)

    assert statuses == again == [0, 0, 0]
    assert (changes_of_three > len(STEPS), changes_of_nobody) == (True, 0)
    await check_revision(engine)


async def test_who_waits_too_long_for_another_migration_is_told_so(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "_WAIT_FOR_OTHERS", timedelta(seconds=0.2))
    engine = create_engine_for(database_url)

    async with engine.connect() as other:
        await other.execute(sa.text("SELECT GET_LOCK(CONCAT('paseport:', MD5(DATABASE())), 0)"))
        with pytest.raises(Unavailable) as refusal:
            await migrations.upgrade(database_url)
    await engine.dispose()

    assert refusal.value.reason == "somebody else has been migrating the record for too long"
    assert await migrations.current(database_url) is None


# --- what operators are told --------------------------------------------------------------------------------------


@pytest.mark.parametrize("revision", [None, *STEPS[:-1]])
async def test_an_operator_who_forgot_to_migrate_is_told_what_to_run(
    url: str, engine: AsyncEngine, revision: str | None
) -> None:
    """DT-02: the app refuses a wrong revision."""
    if revision is not None:
        await migrations.upgrade(url, revision)

    with pytest.raises(WrongRevision, match=rf"at revision {revision or 'base'}.*needs \d+.*`paseport migrate`"):
        await check_revision(engine)


async def test_an_operator_who_went_back_a_version_is_told_so(url: str, engine: AsyncEngine) -> None:
    await migrations.upgrade(url)
    async with engine.begin() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(WrongRevision, match=r"at revision 9999, which is newer.*Install"):
        await check_revision(engine)


@pytest.mark.parametrize(
    ("version", "found"),
    [((10, 11, 4), "MariaDB 10.11.4"), ((10, 6, 18), "MariaDB 10.6.18"), ((5, 5), "MariaDB 5.5")],
)
def test_an_operator_with_a_server_that_is_too_old_is_told_so(version: tuple[int, ...], found: str) -> None:
    """Older ones have no uuid type, or one that sorts UUIDv7 in an order of its own."""
    dialect = MariaDBDialect()
    dialect.server_version_info = version

    with pytest.raises(WrongServer, match=rf"MariaDB 10\.11\.5 or newer, and this is {re.escape(found)}\."):
        check_server(dialect)


@pytest.mark.parametrize("version", [(10, 11, 5), (10, 11, 19), (11, 4, 2), (12, 0, 1)])
def test_newer_servers_serve(version: tuple[int, ...]) -> None:
    dialect = MariaDBDialect()
    dialect.server_version_info = version

    check_server(dialect)


@pytest.mark.usefixtures("connections_end")
async def test_a_database_that_cannot_be_reached_is_unavailable(tmp_path: Path) -> None:
    await assert_unavailable(f"sqlite:///{tmp_path}/no such folder/paseport.db")


async def test_a_server_that_is_away_is_unavailable(mariadb: MariaDb, database_url: str) -> None:
    await asyncio.to_thread(mariadb.kill)
    await assert_unavailable(database_url)
    await asyncio.to_thread(mariadb.start)


async def test_a_server_that_stands_still_is_unavailable(
    mariadb: MariaDb, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FT-09: nobody waits for it for ever."""
    monkeypatch.setattr(revision, "_ANSWER_WITHIN", timedelta(seconds=0.3))
    mariadb.pause()
    await assert_unavailable(database_url)
    mariadb.resume()


async def test_a_folder_name_with_a_percent_sign_is_a_folder_name(tmp_path: Path) -> None:
    (tmp_path / "100%(here)s").mkdir()
    url = f"sqlite:///{tmp_path}/100%(here)s/paseport.db"

    await migrations.upgrade(url)

    assert await migrations.current(url) == REVISIONS[-1]


async def assert_unavailable(url: str) -> None:
    engine = create_engine_for(url)
    with pytest.raises(Unavailable):
        await migrations.upgrade(url)
    with pytest.raises(Unavailable):
        await migrations.current(url)
    with pytest.raises(Unavailable):
        await check_revision(engine)
    await engine.dispose()


# --- filling and looking ------------------------------------------------------------------------------------------


async def fill(record: SqlRecord) -> None:
    """Put something into every table that the code knows."""

    async def work(transaction: RecordTransaction) -> None:
        await transaction.users.add(an_admin(2, display_name="Ünï 😀"))
        await transaction.users.add(a_user(3, password_hash=None))
        await transaction.audit.append(an_event(1))
        await transaction.revocations.add(Revocation(RevocationKind.USER, str(an_id(2)), 2, NOW, NOW))
        await transaction.password_resets.put(PasswordReset(an_id(2), bytes(32), NOW, NOW))
        await transaction.signing_keys.add(a_signing_key(1))
        await transaction.due_projections.put(due())
        await transaction.clients.add(a_full_client())
        await transaction.api_keys.add(a_full_key(owner_id=an_id(3)))
        await transaction.consents.save(Consent(an_id(2), "shop", frozenset({"openid"}), NOW))
        await transaction.providers.add(a_full_provider(api_access=None, refresh_seconds=3600))
        await transaction.identities.add(an_identity(user_id=an_id(3)))

    await record.transact(work)


def differences_to_the_code(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, metadata))


async def schema_at(url: str) -> dict[str, str]:
    engine = create_engine_for(url)
    try:
        return await schema(engine)
    finally:
        await engine.dispose()


async def schema(engine: AsyncEngine) -> dict[str, str]:
    """Name → definition of all tables, as the database keeps them; on SQLite of all indexes too."""
    async with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            rows = await connection.execute(sa.text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
            return {row.name: re.sub(r"\s+", " ", row.sql) for row in rows}
        names = (await connection.execute(sa.text("SHOW TABLES"))).scalars().all()
        return {
            name: (await connection.execute(sa.text(f"SHOW CREATE TABLE `{name}`"))).one()[1] for name in sorted(names)
        }


async def rows_of_all_tables(engine: AsyncEngine) -> dict[str, list[Any]]:
    async with engine.connect() as connection:
        return {
            table.name: [tuple(row) for row in await connection.execute(sa.select(table).order_by(*table.primary_key))]
            for table in metadata.sorted_tables
        }


def what_statements_meet(connection: Connection) -> dict[str, tuple[dict[str, tuple[str, bool]], object]]:
    """Table → column → type, and whether an INSERT may leave it out; table → the rules that could refuse a row."""
    inspector = sa.inspect(connection)
    found = {}
    for table in inspector.get_table_names():
        columns = {
            column["name"]: (
                f"{column['type']!r} {column['nullable']}",
                column["nullable"] or column["default"] is not None,
            )
            for column in inspector.get_columns(table)
        }
        rules = (
            inspector.get_pk_constraint(table),
            inspector.get_foreign_keys(table),
            sorted(str(index) for index in inspector.get_indexes(table) if index["unique"]),
            sorted(str(unique) for unique in inspector.get_unique_constraints(table)),
            sorted(str(check) for check in inspector.get_check_constraints(table)),
        )
        found[table] = (columns, rules)
    return found
