"""What only a database can do to a transaction: lock it out, lose it, keep it waiting."""

import asyncio
import sqlite3
import stat
import time
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from contracts.record_samples import HASH, NOW, a_user, add_users, an_admin, an_event, an_id, changed, get_user
from paseport_shared.adapters.sql import migrations
from paseport_shared.adapters.sql.engine import create_engine_for
from paseport_shared.adapters.sql.record import SqlRecord
from paseport_shared.domain.errors import AlreadyExists, LastAdmin, Overloaded, Unavailable
from paseport_shared.domain.models.user import User, UserQuery
from paseport_shared.domain.ports.record import RecordTransaction
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine


@pytest.fixture
async def file(tmp_path: Path) -> Path:
    file = tmp_path / "paseport.db"
    await migrations.upgrade(f"sqlite:///{file}")
    return file


@pytest.fixture
async def engine(file: Path) -> AsyncIterator[AsyncEngine]:
    engine = create_engine_for(f"sqlite:///{file}", lock_timeout=timedelta(milliseconds=20))
    yield engine
    await engine.dispose()


@pytest.fixture
async def engine_of_another_process(file: Path) -> AsyncIterator[AsyncEngine]:
    engine = create_engine_for(f"sqlite:///{file}")
    yield engine
    await engine.dispose()


@pytest.fixture
def record(engine: AsyncEngine) -> SqlRecord:
    return SqlRecord(engine)


class OtherWriter:
    """Another program that holds SQLite's write lock."""

    def __init__(self, file: Path, patience_seconds: float = 5) -> None:
        self._connection = sqlite3.connect(file, isolation_level=None, timeout=patience_seconds)
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            self.close()
            raise

    def let_go(self) -> None:
        self._connection.execute("ROLLBACK")

    def close(self) -> None:
        self._connection.close()


# --- contention ---------------------------------------------------------------------------------------------------


async def test_a_transaction_waits_for_another_program_and_then_runs(record: SqlRecord, file: Path) -> None:
    """The lock is held for longer than one statement waits, so the whole transaction is tried again."""
    with closing(OtherWriter(file)) as other:
        asyncio.get_running_loop().call_later(0.2, other.let_go)
        await add_users(record, a_user(1))

    assert await get_user(record, an_id(1)) == a_user(1)


async def test_a_transaction_that_only_read_has_the_right_to_write_already(record: SqlRecord, file: Path) -> None:
    """Otherwise somebody could write between its reading and its writing, and it would have to start again."""

    async def work(transaction: RecordTransaction) -> None:
        await transaction.users.count_active_admins()
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            OtherWriter(file, patience_seconds=0)

    await record.transact(work)


async def test_a_transaction_that_never_gets_its_turn_is_unavailable(
    record: SqlRecord, engine: AsyncEngine, file: Path
) -> None:
    impatient = SqlRecord(engine, deadline=timedelta(milliseconds=300))

    with closing(OtherWriter(file)), pytest.raises(Unavailable) as refusal:
        await add_users(impatient, a_user(1))

    assert refusal.value.retry_after > timedelta(0)
    await add_users(record, a_user(1))


async def test_repetition_ends_before_the_deadline_does(engine: AsyncEngine, file: Path) -> None:
    record = SqlRecord(engine, deadline=timedelta(minutes=5))

    with closing(OtherWriter(file)), pytest.raises(Unavailable, match="unavailable") as refusal:
        await asyncio.wait_for(add_users(record, a_user(1)), timeout=30)

    assert refusal.value.reason == "the record failed: OperationalError SQLITE_BUSY"


async def test_two_processes_that_write_at_once_are_both_served(
    record: SqlRecord, engine_of_another_process: AsyncEngine
) -> None:
    records = [record, SqlRecord(engine_of_another_process)]

    await asyncio.gather(*(add_users(records[number % 2], a_user(number)) for number in range(20)))

    page = await record.transact(lambda transaction: transaction.users.page(UserQuery()))
    assert page.total == 20


async def test_two_processes_that_create_one_name_at_once_create_it_once(
    record: SqlRecord, engine_of_another_process: AsyncEngine
) -> None:
    """AD-09."""
    records = [record, SqlRecord(engine_of_another_process)]

    outcomes = await asyncio.gather(
        *(add_users(records[number % 2], a_user(number, username="alice")) for number in range(10)),
        return_exceptions=True,
    )

    assert [type(outcome) for outcome in outcomes if outcome is not None] == [AlreadyExists] * 9


async def test_two_processes_that_demote_the_last_admins_at_once_leave_one(
    record: SqlRecord, engine_of_another_process: AsyncEngine
) -> None:
    await add_users(record, an_admin(1), an_admin(2))

    async def demote(transaction: RecordTransaction, number: int) -> None:
        if await transaction.users.count_active_admins() <= 1:
            raise LastAdmin
        await transaction.users.update(changed(an_admin(number), disabled=True), expected_revision=1)

    outcomes = await asyncio.gather(
        record.transact(lambda transaction: demote(transaction, 1)),
        SqlRecord(engine_of_another_process).transact(lambda transaction: demote(transaction, 2)),
        return_exceptions=True,
    )

    assert [type(outcome) for outcome in outcomes if outcome is not None] == [LastAdmin]


# --- lost connections ---------------------------------------------------------------------------------------------


async def test_a_connection_lost_in_the_middle_is_replaced_and_the_work_runs_again(
    record: SqlRecord, engine: AsyncEngine
) -> None:
    tries: list[int] = []
    connections = connections_of(engine)

    async def work(transaction: RecordTransaction) -> None:
        tries.append(len(tries))
        await transaction.users.add(a_user(len(tries)))
        if len(tries) == 1:
            await connections[-1].close()
        await transaction.audit.append(an_event(1))

    await record.transact(work)

    assert len(tries) == 2
    states = await record.transact(lambda transaction: transaction.users.subject_states(None, 10))
    assert [state.user_id for state in states] == [an_id(2)]


async def test_a_broken_transaction_commits_nothing_though_the_work_went_on_regardless(
    record: SqlRecord, engine: AsyncEngine
) -> None:
    """AD-13: an act that cannot be audited does not happen, not even where a use case swallows the failure.

    After a deadlock, MariaDB has rolled back all that went before; what follows must not be committed alone either.
    """
    async with engine.begin() as connection:
        await connection.execute(sa.text("ALTER TABLE audit_events RENAME TO hidden"))

    async def work(transaction: RecordTransaction) -> str:
        await transaction.users.add(a_user(1))
        with pytest.raises(Unavailable):
            await transaction.audit.append(an_event(1))
        with pytest.raises(Unavailable):
            await transaction.users.add(a_user(2))
        return "done"

    with pytest.raises(Unavailable):
        await record.transact(work)

    states = await record.transact(lambda transaction: transaction.users.subject_states(None, 10))
    assert states == ()


async def test_work_whose_commit_got_no_answer_is_not_run_again(record: SqlRecord, engine: AsyncEngine) -> None:
    """It may be committed: here it is. Running it again could do it twice."""
    tries: list[int] = []

    async def work(transaction: RecordTransaction) -> None:
        tries.append(len(tries))
        await transaction.users.add(a_user(1))

    with lost_answer_to_commit(engine), pytest.raises(Unavailable):
        await record.transact(work)

    assert len(tries) == 1
    assert await get_user(record, an_id(1)) == a_user(1)


# --- deadlines and bounds -----------------------------------------------------------------------------------------


async def test_a_database_that_hangs_is_unavailable_when_the_deadline_is_over(engine: AsyncEngine) -> None:
    record = SqlRecord(engine, deadline=timedelta(milliseconds=100))
    never = asyncio.Event()

    async def work(transaction: RecordTransaction) -> None:
        await transaction.users.add(a_user(1))
        await never.wait()

    with pytest.raises(Unavailable, match="unavailable") as refusal:
        await record.transact(work)

    assert refusal.value.reason == "the record did not answer in time"
    assert await record.transact(lambda transaction: transaction.users.find_by_login("user1")) is None


async def test_what_the_database_answered_while_this_process_stood_still_is_in_time(engine: AsyncEngine) -> None:
    record = SqlRecord(engine, deadline=timedelta(milliseconds=100))

    async def work(transaction: RecordTransaction) -> User | None:
        asyncio.get_running_loop().call_soon(time.sleep, 0.3)
        return await transaction.users.find_by_login("user1")

    assert await record.transact(work) is None


async def test_callers_queue_for_a_bounded_time(engine: AsyncEngine) -> None:
    begun, finish = asyncio.Event(), asyncio.Event()

    async def work(transaction: RecordTransaction) -> None:
        begun.set()
        await finish.wait()

    slow = asyncio.create_task(SqlRecord(engine).transact(work))
    await begun.wait()
    with pytest.raises(Unavailable):
        await SqlRecord(engine, deadline=timedelta(milliseconds=50)).ping()
    finish.set()
    await slow


@pytest.mark.parametrize("leaving", [slice(0, 1), slice(1, 2), slice(0, 10, 2)])
async def test_callers_who_go_away_hold_nobody_up(engine: AsyncEngine, leaving: slice) -> None:
    """The first of them is the one who opens the connection that all of them need."""
    record = SqlRecord(engine, deadline=timedelta(minutes=5))
    tasks = [asyncio.create_task(add_users(record, a_user(number))) for number in range(10)]
    await asyncio.sleep(0)
    for task in tasks[leaving]:
        task.cancel()

    outcomes = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), timeout=30)

    assert [type(outcome) for outcome in outcomes[leaving]] == [asyncio.CancelledError] * len(tasks[leaving])
    assert outcomes.count(None) == 10 - len(tasks[leaving])


async def test_a_caller_who_goes_away_at_any_moment_leaves_all_or_nothing(record: SqlRecord) -> None:
    """Before, between and after statements, while committing: user and audit event stand or fall together."""

    async def work(transaction: RecordTransaction, number: int) -> None:
        await transaction.users.add(a_user(number))
        await transaction.audit.append(an_event(number))

    for moment in range(150):
        task = asyncio.create_task(record.transact(lambda transaction, moment=moment: work(transaction, moment)))
        for _ in range(moment):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    users = await record.transact(lambda transaction: transaction.users.subject_states(None, 1000))
    events = await record.transact(lambda transaction: transaction.audit.latest(1000))
    assert [user.user_id for user in users] == [event.id for event in reversed(events)]


async def test_an_engine_that_others_keep_busy_is_an_overload(file: Path) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{file}", pool_size=1, max_overflow=0, pool_timeout=0.05)

    async with engine.connect():
        with pytest.raises(Overloaded):
            await SqlRecord(engine).ping()

    await engine.dispose()


# --- what errors tell ---------------------------------------------------------------------------------------------


async def test_a_log_with_the_whole_traceback_shows_neither_hash_nor_address(
    record: SqlRecord, engine: AsyncEngine
) -> None:
    """Promise P11: statements are logged without their parameters."""
    async with engine.begin() as connection:
        await connection.execute(sa.text("ALTER TABLE users RENAME TO hidden"))

    with pytest.raises(Unavailable) as refusal:
        await add_users(record, a_user(1))

    shown = "".join(traceback.format_exception(refusal.value))
    assert "no such table" in shown
    assert HASH not in shown
    assert "user1" not in shown
    assert "example.com" not in shown


async def test_a_time_without_a_zone_is_the_callers_mistake(record: SqlRecord) -> None:
    with pytest.raises(ValueError, match="without a zone"):
        await add_users(record, a_user(1, created_at=NOW.replace(tzinfo=None)))


# --- SQLite itself ------------------------------------------------------------------------------------------------


async def test_nobody_else_on_the_machine_can_read_the_file(record: SqlRecord, file: Path) -> None:
    await add_users(record, a_user(1))

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in file.parent.glob("paseport.db*")}

    assert modes == {"paseport.db": 0o600, "paseport.db-wal": 0o600, "paseport.db-shm": 0o600}


async def test_sqlite_keeps_what_it_acknowledged_and_checks_foreign_keys(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        settings = {
            pragma: (await connection.execute(sa.text(f"PRAGMA {pragma}"))).scalar_one()
            for pragma in ("journal_mode", "synchronous", "foreign_keys")
        }

    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///x.db?mode=ro", "postgresql://db/x"])
def test_an_operator_with_a_database_that_cannot_serve_is_told_so(url: str) -> None:
    with pytest.raises(ValueError, match="sqlite:///"):
        create_engine_for(url)


async def test_a_page_of_users_costs_the_same_statements_whatever_its_size(
    record: SqlRecord, engine: AsyncEngine
) -> None:
    """AD-08: no query per row."""
    await add_users(record, *(a_user(number) for number in range(30)))
    statements: list[str] = []
    sa.event.listen(engine.sync_engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))

    counts = []
    for limit in (1, 30):
        statements.clear()
        await record.transact(
            lambda transaction, limit=limit: transaction.users.page(UserQuery(role="User", search="user", limit=limit))
        )
        counts.append(len(statements))

    assert counts[0] == counts[1]


# --- faults -------------------------------------------------------------------------------------------------------


def connections_of(engine: AsyncEngine) -> list[Any]:
    """The driver's connections, the one handed out last at the end."""
    connections: list[Any] = []
    sa.event.listen(
        engine.sync_engine,
        "checkout",
        lambda adapted, record, proxy: connections.append(adapted.driver_connection),
    )
    return connections


@contextmanager
def lost_answer_to_commit(engine: AsyncEngine) -> Iterator[None]:
    """The driver commits, then finds that the connection is gone."""
    dialect = engine.sync_engine.dialect
    commit = dialect.do_commit

    def commit_and_lose(connection: Any) -> None:
        commit(connection)
        raise sqlite3.OperationalError("connection closed")

    dialect.do_commit = commit_and_lose
    try:
        yield
    finally:
        dialect.do_commit = commit
