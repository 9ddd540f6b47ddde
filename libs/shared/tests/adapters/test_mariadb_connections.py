"""What becomes of a connection to MariaDB when its caller goes, its server dies or its line is cut."""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from contracts.record_samples import a_user, add_users, an_event, an_id, get_user
from paseport_shared.adapters.sql import migrations
from paseport_shared.adapters.sql.engine import create_engine_for
from paseport_shared.adapters.sql.record import SqlRecord, SqlRecordTransaction
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.ports.record import RecordTransaction
from paseport_testkit.harness.mariadb import MariaDb
from paseport_testkit.harness.toxiproxy import Link, Toxiproxy
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import QueuePool

pytestmark = pytest.mark.each_event_loop


@pytest.fixture
async def url(database_url: str) -> str:
    await migrations.upgrade(database_url)
    return database_url


@pytest.fixture
async def engine(url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine_for(url)
    yield engine
    await engine.dispose()


@pytest.fixture
def record(engine: AsyncEngine) -> SqlRecord:
    return SqlRecord(engine)


# --- callers who go away ------------------------------------------------------------------------------------------


@pytest.fixture
async def single(url: str) -> AsyncIterator[AsyncEngine]:
    """One connection, so that the next caller gets what the last one left."""
    engine = create_engine_for(url, pool_size=1)
    yield engine
    await engine.dispose()


async def test_who_is_cancelled_in_the_middle_of_an_answer_leaves_it_to_nobody_else(single: AsyncEngine) -> None:
    record = SqlRecord(single)

    for number in range(10):
        task = asyncio.create_task(record.transact(lambda transaction: ask(transaction, "SELECT SLEEP(0.5), 'late'")))
        await asyncio.sleep(0.004 * number)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await record.transact(lambda transaction, number=number: ask(transaction, f"SELECT {number}")) == number

    assert (record.in_use, checked_out(single)) == (0, 0)


async def test_who_is_cancelled_in_the_moment_a_connection_is_made_does_not_go_on(
    single: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FT-16: a deadline that nobody hears of ends nothing, and somebody waits for as long as locks are held."""
    record, wait_for = SqlRecord(single), asyncio.wait_for

    async def until_made(connecting: Coroutine[Any, Any, Any], **limits: float) -> Any:
        async def make() -> Any:
            made = await connecting
            caller.cancel()
            return made

        return await wait_for(make(), **limits)

    with monkeypatch.context() as patch:
        patch.setattr(asyncio, "wait_for", until_made)
        caller = asyncio.create_task(record.transact(lambda transaction: ask(transaction, "SELECT 1")))
        with pytest.raises(asyncio.CancelledError):
            await caller

    assert (record.in_use, checked_out(single)) == (0, 0)
    assert await record.transact(lambda transaction: ask(transaction, "SELECT 2")) == 2


async def test_a_caller_who_goes_away_at_any_moment_leaves_all_or_nothing(
    record: SqlRecord, engine: AsyncEngine
) -> None:
    """AD-13: before, between and after statements, while committing. And no connection with an open transaction."""

    async def work(transaction: RecordTransaction, number: int) -> None:
        await transaction.users.add(a_user(number))
        await transaction.audit.append(an_event(number))

    begun = time.perf_counter()
    await record.transact(lambda transaction: work(transaction, 0))
    usual = time.perf_counter() - begun
    for moment in range(1, 100):
        task = asyncio.create_task(record.transact(lambda transaction, moment=moment: work(transaction, moment)))
        await asyncio.wait([task], timeout=usual * moment / 50)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    users = await record.transact(lambda transaction: transaction.users.subject_states(None, 1000))
    events = await record.transact(lambda transaction: transaction.audit.latest(1000))
    assert [user.user_id for user in users] == [event.id for event in reversed(events)]
    assert (record.in_use, checked_out(engine)) == (0, 0)


async def test_a_statement_that_nobody_waits_for_ends_with_its_locks(
    record: SqlRecord, mariadb: MariaDb, engine: AsyncEngine
) -> None:
    """The server does not notice that its client has gone while it works; it stops by itself."""
    await add_users(record, a_user(1))
    database = engine.url.database

    async def work(transaction: RecordTransaction) -> None:
        await transaction.users.replace_password_hash(an_id(1), old="{other}", new="{new}")
        await ask(transaction, "SELECT SLEEP(60)")

    with pytest.raises(Unavailable) as refusal:
        await SqlRecord(engine, deadline=timedelta(milliseconds=300)).transact(work)
    abandoned = mariadb.execute(running(database))
    await SqlRecord(engine, deadline=timedelta(seconds=10)).transact(
        lambda transaction: transaction.users.delete(an_id(1), expected_revision=1)
    )

    assert refusal.value.reason == "the record did not answer in time"
    assert len(abandoned) == 1
    assert mariadb.execute(running(database)) == ()


async def test_a_transaction_whose_owner_hangs_lets_go_of_its_locks(engine: AsyncEngine, record: SqlRecord) -> None:
    """A process that was stopped, a line that was cut without a word: the server waits three seconds."""
    await add_users(record, a_user(1))

    async with engine.connect() as hanging:
        await hanging.execute(sa.text("UPDATE users SET version = 9"))
        await SqlRecord(engine, deadline=timedelta(seconds=10)).transact(
            lambda transaction: transaction.users.delete(an_id(1), expected_revision=1)
        )
        await hanging.invalidate()


async def test_a_connection_over_which_the_driver_tripped_is_not_used_again(single: AsyncEngine) -> None:
    record = SqlRecord(single)
    first = await record.transact(lambda transaction: ask(transaction, "SELECT CONNECTION_ID()"))

    def trip(*_: object) -> None:
        raise AssertionError("Protocol error, expecting EOF")

    sa.event.listen(single.sync_engine, "after_cursor_execute", trip)
    with pytest.raises(AssertionError):
        await record.ping()
    sa.event.remove(single.sync_engine, "after_cursor_execute", trip)

    assert await record.transact(lambda transaction: ask(transaction, "SELECT CONNECTION_ID()")) != first


# --- servers that end ---------------------------------------------------------------------------------------------


async def test_a_connection_that_was_killed_between_two_callers_is_replaced_without_a_word(
    record: SqlRecord, mariadb: MariaDb, engine: AsyncEngine
) -> None:
    """2006 at its next use; the work runs again."""
    await add_users(record, a_user(1))
    kill_connections(mariadb, engine.url.database)

    assert await get_user(record, an_id(1)) == a_user(1)


async def test_a_connection_that_is_killed_in_the_middle_is_replaced_and_the_work_runs_again(
    record: SqlRecord, mariadb: MariaDb, engine: AsyncEngine
) -> None:
    tries: list[int] = []

    async def work(transaction: RecordTransaction) -> None:
        tries.append(len(tries))
        await transaction.users.add(a_user(len(tries)))
        if len(tries) == 1:
            await asyncio.to_thread(kill_connections, mariadb, engine.url.database)
        await transaction.audit.append(an_event(1))

    await record.transact(work)

    assert len(tries) == 2
    states = await record.transact(lambda transaction: transaction.users.subject_states(None, 10))
    assert [state.user_id for state in states] == [an_id(2)]


async def test_callers_who_go_on_through_a_restart_are_served_again_in_time(
    record: SqlRecord, mariadb: MariaDb, engine: AsyncEngine
) -> None:
    """FT-14: reads are unavailable meanwhile, the pool recovers within 5 s, and no transaction survives by halves."""
    await add_users(record, a_user(0))
    over, answered = asyncio.Event(), asyncio.Event()
    done: list[int] = []
    failures: list[BaseException] = []
    answered_at: list[float] = []

    async def write(caller: int) -> None:
        number = caller
        while not over.is_set():
            number += 10

            async def work(transaction: RecordTransaction, number: int = number) -> None:
                await transaction.users.add(a_user(number))
                await transaction.audit.append(an_event(number))

            try:
                await record.transact(work)
                done.append(number)
            except Unavailable as failure:
                failures.append(failure)

    async def read() -> None:
        while not over.is_set():
            try:
                assert await get_user(record, an_id(0)) == a_user(0)
                answered_at.append(time.monotonic())
                answered.set()
            except Unavailable as failure:
                failures.append(failure)

    callers = [asyncio.create_task(call) for call in (write(1), write(2), write(3), read(), read())]
    await asyncio.sleep(0.3)
    await asyncio.to_thread(mariadb.kill)
    killed_at = time.monotonic()
    await asyncio.sleep(1.5)
    await asyncio.to_thread(mariadb.start)
    back_at = time.monotonic()
    answered.clear()
    await asyncio.wait_for(answered.wait(), timeout=30)
    recovered_in = answered_at[-1] - back_at
    await asyncio.sleep(0.3)
    over.set()
    await asyncio.gather(*callers)

    assert recovered_in < 5
    assert failures
    assert not any(killed_at + 0.1 < at < back_at - 0.5 for at in answered_at)
    users = {state.user_id for state in await record.transact(lambda known: known.users.subject_states(None, 100_000))}
    events = {event.id for event in await record.transact(lambda known: known.audit.latest(100_000))}
    assert users - {an_id(0)} == events
    assert {an_id(number) for number in done} <= events
    assert (record.in_use, checked_out(engine)) == (0, 0)


# --- servers that stand still -------------------------------------------------------------------------------------


async def test_a_server_that_stands_still_costs_no_caller_more_than_the_deadline(
    record: SqlRecord, mariadb: MariaDb, engine: AsyncEngine
) -> None:
    """FT-09: connections are open, nothing answers. Afterwards everything is as before."""
    await asyncio.gather(*(add_users(record, a_user(number)) for number in range(5)))
    mariadb.pause()

    begun = time.monotonic()
    outcomes = await asyncio.gather(*(get_user(record, an_id(1)) for _ in range(15)), return_exceptions=True)
    took = time.monotonic() - begun
    mariadb.resume()

    assert {type(outcome) for outcome in outcomes} <= {Unavailable, *Unavailable.__subclasses__()}
    assert took < 3
    assert await get_user(record, an_id(1)) == a_user(1)
    assert (record.in_use, checked_out(engine)) == (0, 0)


async def test_a_refusal_reaches_its_caller_though_the_server_stands_still_while_rolling_back(
    record: SqlRecord, mariadb: MariaDb, engine: AsyncEngine
) -> None:
    class Refused(Exception):
        pass

    async def work(transaction: RecordTransaction) -> None:
        await transaction.users.add(a_user(1))
        mariadb.pause()
        raise Refused

    begun = time.monotonic()
    with pytest.raises(Refused):
        await record.transact(work)
    took = time.monotonic() - begun
    mariadb.resume()

    assert took < 2
    assert await record.transact(lambda transaction: transaction.users.find_by_login("user1")) is None
    assert (record.in_use, checked_out(engine)) == (0, 0)


# --- lines that are cut -------------------------------------------------------------------------------------------


@pytest.fixture
async def link(toxiproxy: Toxiproxy, mariadb: MariaDb) -> AsyncIterator[Link]:
    link = toxiproxy.link("mariadb", (mariadb.host, mariadb.port))
    yield link
    await asyncio.to_thread(toxiproxy.unlink, link)


@pytest.fixture
async def linked(url: str, link: Link) -> AsyncIterator[SqlRecord]:
    """A record behind a line that can be cut."""
    through_the_link = make_url(url).set(host=link.host, port=link.port)
    engine = create_engine_for(through_the_link.render_as_string(hide_password=False))
    yield SqlRecord(engine)
    await engine.dispose()


@pytest.mark.parametrize("fault", ["silence", "end"])
async def test_work_whose_commit_got_no_answer_is_not_run_again(
    linked: SqlRecord, record: SqlRecord, link: Link, fault: str
) -> None:
    """FT-09: it may be committed, and here it is. Running it again could do it twice."""
    tries: list[int] = []

    async def work(transaction: RecordTransaction) -> None:
        tries.append(len(tries))
        await transaction.users.add(a_user(1))
        if fault == "silence":
            await asyncio.to_thread(link.silence)
        else:
            await asyncio.to_thread(link.timeout, 100)

    with pytest.raises(Unavailable):
        await linked.transact(work)

    assert len(tries) == 1
    assert await get_user(record, an_id(1)) == a_user(1)


async def test_a_line_that_is_half_open_costs_the_deadline_once_for_each_connection(
    linked: SqlRecord, link: Link
) -> None:
    """FT-09: the line is back, and so is the record."""
    await asyncio.gather(*(linked.ping() for _ in range(3)))
    await asyncio.to_thread(link.silence)

    begun = time.monotonic()
    outcomes = await asyncio.gather(*(linked.ping() for _ in range(3)), return_exceptions=True)
    took = time.monotonic() - begun
    await asyncio.to_thread(link.heal)

    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 3
    assert took < 3
    await linked.ping()
    assert linked.in_use == 0


async def test_an_answer_that_breaks_off_is_nobody_else_s(linked: SqlRecord, link: Link) -> None:
    """FT-09."""
    for size in (1, 10, 100):
        await asyncio.to_thread(link.limit_data, size)
        with suppress(Unavailable):
            await linked.ping()
        await asyncio.to_thread(link.heal)

        assert await linked.transact(lambda transaction, size=size: ask(transaction, f"SELECT {size}")) == size


# --- looking at the server ----------------------------------------------------------------------------------------


async def ask(transaction: RecordTransaction, query: str) -> Any:
    """The last value of the first row."""
    assert isinstance(transaction, SqlRecordTransaction)
    return (await transaction.session.execute(sa.text(query))).one()[-1]


def running(database: str | None) -> str:
    return f"SELECT id FROM information_schema.processlist WHERE db = '{database}' AND info LIKE '%SLEEP%'"  # noqa: S608 - our name


def kill_connections(mariadb: MariaDb, database: str | None) -> None:
    rows = mariadb.execute(f"SELECT id FROM information_schema.processlist WHERE db = '{database}'")  # noqa: S608 - our name
    mariadb.execute(*(f"KILL CONNECTION {row[0]}" for row in rows))


def checked_out(engine: AsyncEngine) -> int:
    """How many connections are not in the pool."""
    pool = engine.sync_engine.pool
    assert isinstance(pool, QueuePool)
    return pool.checkedout()
