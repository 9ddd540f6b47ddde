"""What transactions on MariaDB do to each other, and what the server's own state does to them."""

import asyncio
import itertools
import logging
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from contracts.patient_record import patient_record
from contracts.record_samples import (
    HASH,
    NOW,
    a_user,
    add_users,
    an_admin,
    an_event,
    an_id,
    changed,
    get_user,
)
from paseport.revocation import Revocation, RevocationKind
from paseport_shared.adapters.sql import migrations
from paseport_shared.adapters.sql.engine import create_engine_for
from paseport_shared.adapters.sql.record import SqlRecord, SqlRecordTransaction
from paseport_shared.adapters.sql.revision import check_revision
from paseport_shared.domain.errors import LastAdmin, Overloaded, Unavailable
from paseport_shared.domain.models.user import UserQuery
from paseport_shared.domain.ports.record import RecordTransaction
from paseport_testkit.harness.mariadb import MariaDb
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine


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
async def engine_of_another_process(url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine_for(url)
    yield engine
    await engine.dispose()


@pytest.fixture
def record(engine: AsyncEngine) -> SqlRecord:
    return SqlRecord(engine)


@pytest.fixture
def records(engine: AsyncEngine, engine_of_another_process: AsyncEngine) -> list[SqlRecord]:
    """Those of two processes. They have the time that a busy machine needs."""
    return [patient_record(used) for used in (engine, engine_of_another_process)]


@asynccontextmanager
async def locked(url: str, statement: str) -> AsyncIterator[None]:
    """Another program holds what the statement locks."""
    engine = create_engine_for(url, statement_timeout=None)
    async with engine.connect() as other:
        await other.execute(sa.text(statement))
        yield
    await engine.dispose()


# --- contention ---------------------------------------------------------------------------------------------------


async def test_forty_changes_of_one_user_by_two_processes_lose_none(records: list[SqlRecord]) -> None:
    """All of them read what they write. Those that were shot once queue, or they would be shot again and again."""
    await add_users(records[0], a_user(1))

    async def work(transaction: RecordTransaction) -> None:
        user = await transaction.users.get(an_id(1))
        await transaction.users.update(changed(user, version=user.version + 1), expected_revision=user.revision)

    await asyncio.gather(*(records[number % 2].transact(work) for number in range(40)))

    user = await get_user(records[0], an_id(1))
    assert (user.version, user.revision) == (41, 41)


async def test_of_twenty_callers_who_lock_in_opposite_order_none_is_half_done(records: list[SqlRecord]) -> None:
    """Deadlocks by the dozen: each caller is served or told that the record is unavailable."""
    await add_users(records[0], *(a_user(number) for number in range(6)))
    orders = [*itertools.permutations(range(6), 3)]
    random.Random(1).shuffle(orders)

    async def work(transaction: RecordTransaction, number: int, order: tuple[int, ...]) -> None:
        for user in order:
            await transaction.users.replace_password_hash(an_id(user), old=HASH, new=HASH)
            await asyncio.sleep(0.005)
        stored = [await transaction.users.get(an_id(user)) for user in order]
        for user in stored:
            await transaction.users.update(changed(user, version=user.version + 1), expected_revision=user.revision)
        await transaction.audit.append(an_event(number))

    async def call(number: int) -> int | None:
        try:
            await records[number % 2].transact(lambda transaction: work(transaction, number, orders[number]))
        except Unavailable:
            return None
        return number

    served = {number for number in await asyncio.gather(*(call(number) for number in range(20))) if number is not None}

    events = await records[0].transact(lambda transaction: transaction.audit.latest(100))
    assert {event.id for event in events} == {an_id(number) for number in served}
    assert len(served) >= 10
    for user in range(6):
        changes = sum(user in orders[number] for number in served)
        assert (await get_user(records[0], an_id(user))).version == 1 + changes


async def test_two_processes_that_demote_the_last_admins_at_once_leave_one(records: list[SqlRecord]) -> None:
    for round_number in range(0, 20, 2):
        admins = [an_admin(round_number), an_admin(round_number + 1)]
        await add_users(records[0], *admins)

        async def demote(transaction: RecordTransaction, number: int) -> None:
            if await transaction.users.count_active_admins() <= 1:
                raise LastAdmin
            user = await transaction.users.get(an_id(number))
            await transaction.users.update(changed(user, disabled=True), expected_revision=1)

        outcomes = await asyncio.gather(
            *(
                records[index].transact(lambda transaction, number=round_number + index: demote(transaction, number))
                for index in range(2)
            ),
            return_exceptions=True,
        )

        assert [type(outcome) for outcome in outcomes if outcome is not None] == [LastAdmin]
        survivor = round_number + [type(outcome) for outcome in outcomes].index(LastAdmin)
        await records[0].transact(
            lambda transaction, number=survivor: transaction.users.delete(an_id(number), expected_revision=1)
        )


async def test_a_transaction_reads_the_same_twice_whatever_others_do(
    record: SqlRecord, engine_of_another_process: AsyncEngine
) -> None:
    """Serialisable: the row that was read is locked until the end."""
    impatient = SqlRecord(engine_of_another_process, deadline=timedelta(milliseconds=200))
    await add_users(record, a_user(1))

    async def work(transaction: RecordTransaction) -> None:
        before = await transaction.users.get(an_id(1))
        with pytest.raises(Unavailable):
            await impatient.transact(lambda other: other.users.delete(an_id(1), expected_revision=1))
        assert await transaction.users.get(an_id(1)) == before

    await record.transact(work)


async def test_who_only_reads_waits_for_nobody_and_nobody_waits_for_them(
    record: SqlRecord, engine_of_another_process: AsyncEngine
) -> None:
    """The feed of revocations is read whole, twice a second, while others add to it."""
    impatient = SqlRecord(engine_of_another_process, deadline=timedelta(milliseconds=500))
    first, second, third = (
        Revocation(RevocationKind.SESSION, name, None, NOW, NOW + timedelta(minutes=5))
        for name in ("1st", "2nd", "3rd")
    )

    async def in_force(transaction: RecordTransaction) -> tuple[Revocation, ...]:
        return await transaction.revocations.in_force(NOW)

    async def write(transaction: RecordTransaction) -> None:
        await transaction.revocations.add(first, second)
        assert await impatient.read(in_force) == (first,)

    async def read(transaction: RecordTransaction) -> None:
        assert await in_force(transaction) == (first, second)
        await impatient.transact(lambda other: other.revocations.add(first, third))
        assert await in_force(transaction) == (first, second)

    await record.transact(lambda transaction: transaction.revocations.add(first))
    await record.transact(write)
    await record.read(read)

    assert await record.read(in_force) == (first, second, third)


# --- bounds -------------------------------------------------------------------------------------------------------


async def test_newcomers_are_refused_within_a_second_while_slow_statements_hold_every_connection(url: str) -> None:
    """FT-16: long before a connection comes free; nothing is left of those who waited for the lock."""
    engine = create_engine_for(url, lock_timeout=timedelta(seconds=10))
    record = SqlRecord(engine)
    await add_users(record, a_user(1))

    async def change(transaction: RecordTransaction) -> None:
        user = await transaction.users.get(an_id(1))
        await transaction.users.update(changed(user), expected_revision=user.revision)

    async with locked(url, "UPDATE users SET version = 9"):
        holders = [asyncio.create_task(record.transact(change)) for _ in range(record.capacity)]
        await asyncio.sleep(0.2)
        busy = (record.in_use, record.waiting)
        begun = time.monotonic()
        refusals = await asyncio.gather(
            *(record.transact(lambda transaction: transaction.audit.latest(1)) for _ in range(5)),
            return_exceptions=True,
        )
        took = time.monotonic() - begun
        done = [holder for holder in holders if holder.done()]
        outcomes = await asyncio.gather(*holders, return_exceptions=True)

    assert busy == (record.capacity, 0)
    assert [type(refusal) for refusal in refusals] == [Overloaded] * 5
    assert took < 1.5  # 0.8 s of it by design
    assert done == []
    assert [type(outcome) for outcome in outcomes] == [Unavailable] * record.capacity
    assert await get_user(record, an_id(1)) == a_user(1)
    assert (record.in_use, record.waiting) == (0, 0)
    await engine.dispose()


async def test_the_queue_for_a_connection_has_an_end(url: str, engine: AsyncEngine) -> None:
    """FT-16: who finds it full is refused at once."""
    record = SqlRecord(engine, queue=3)
    begun, finish = asyncio.Event(), asyncio.Event()

    async def hold(transaction: RecordTransaction) -> None:
        begun.set()
        await finish.wait()

    holders = [asyncio.create_task(record.transact(hold)) for _ in range(record.capacity)]
    await begun.wait()
    queued = [asyncio.create_task(record.ping()) for _ in range(3)]
    await asyncio.sleep(0)

    before = time.monotonic()
    with pytest.raises(Overloaded):
        await record.ping()
    took = time.monotonic() - before
    waiting = record.waiting
    finish.set()
    await asyncio.gather(*holders, *queued)

    assert waiting == 3
    assert took < 0.5
    assert record.waiting == 0


async def test_an_operator_chooses_how_many_connections_there_are(url: str, mariadb: MariaDb) -> None:
    engine = create_engine_for(url, pool_size=3)
    record = SqlRecord(engine)

    await asyncio.gather(*(record.ping() for _ in range(30)))
    of_ours = f"WHERE db = '{engine.url.database}'"
    rows = mariadb.execute(f"SELECT COUNT(*) FROM information_schema.processlist {of_ours}")  # noqa: S608 - our name
    await engine.dispose()

    assert record.capacity == 3
    assert rows[0][0] <= 3


# --- writes that cannot be done -----------------------------------------------------------------------------------


async def test_on_a_server_that_only_reads_every_change_is_unavailable_and_nothing_is_claimed_as_done(
    record: SqlRecord, mariadb: MariaDb
) -> None:
    """FT-20: a replica, or a server that its operator froze. A revocation is not reported as done."""
    await add_users(record, a_user(1))
    revocation = Revocation(RevocationKind.TOKEN, "a jti", None, NOW, NOW + timedelta(minutes=5))

    with global_setting(mariadb, "read_only", "1"):
        with pytest.raises(Unavailable) as refusal:
            await record.transact(lambda transaction: transaction.revocations.add(revocation))
        with pytest.raises(Unavailable):
            await add_users(record, a_user(2))
        assert await get_user(record, an_id(1)) == a_user(1)

    assert refusal.value.reason == "the record failed: OperationalError 1290"
    assert await record.transact(lambda transaction: transaction.revocations.in_force(NOW)) == ()
    await record.transact(lambda transaction: transaction.revocations.add(revocation))
    assert await record.transact(lambda transaction: transaction.revocations.in_force(NOW)) == (revocation,)


class SmallMariaDb(MariaDb):
    """A server whose tables have twelve megabytes and cannot grow."""

    def _arguments(self) -> list[str]:
        return [*super()._arguments(), "--innodb-file-per-table=0", "--innodb-data-file-path=ibdata1:12M"]


async def test_on_a_full_disk_every_change_is_unavailable_and_reads_go_on(tmp_path: Path) -> None:
    """FT-20: a revocation is not reported as done."""

    async def revoke(transaction: RecordTransaction, number: int) -> None:
        await transaction.revocations.add(
            Revocation(RevocationKind.TOKEN, f"jti {number}", None, NOW, NOW + timedelta(minutes=5))
        )
        await transaction.audit.append(an_event(number, after={"much": "x" * 60_000}))

    with SmallMariaDb(tmp_path / "small") as small:
        url = small.create_database("paseport")
        await migrations.upgrade(url)
        engine = create_engine_for(url)
        record = SqlRecord(engine)
        acknowledged = []
        refusals: list[Unavailable] = []
        for number in range(200):
            try:
                await record.transact(lambda transaction, number=number: revoke(transaction, number))
                acknowledged.append(f"jti {number}")
            except Unavailable as refusal:
                refusals.append(refusal)
            if len(refusals) == 3:
                break
        in_force = await record.transact(lambda transaction: transaction.revocations.in_force(NOW))
        events = await record.transact(lambda transaction: transaction.audit.latest(1000))
        await engine.dispose()

    assert {refusal.reason for refusal in refusals} == {"the record failed: OperationalError 1114"}
    assert len(acknowledged) > 1
    assert {revocation.subject for revocation in in_force} == set(acknowledged)
    assert len(events) == len(acknowledged)


# --- what a server may be set to ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sql_mode", "'NO_BACKSLASH_ESCAPES,ANSI_QUOTES,PIPES_AS_CONCAT'"),
        ("sql_mode", "''"),
        ("time_zone", "'-08:00'"),
        ("collation_server", "'utf8mb4_general_ci'"),
        ("tx_isolation", "'READ-UNCOMMITTED'"),
        ("completion_type", "'CHAIN'"),
    ],
)
async def test_the_server_s_own_settings_change_nothing(url: str, mariadb: MariaDb, name: str, value: str) -> None:
    """Under NO_BACKSLASH_ESCAPES the driver's quoting would let a display name end its own string."""
    user = a_user(1, username="quo'te", display_name="\\'); DROP TABLE users; -- \\", roles=frozenset({"Admin"}))

    with global_setting(mariadb, name, value):
        engine = create_engine_for(url)
        record = SqlRecord(engine)
        await add_users(record, user)
        found = await record.transact(lambda transaction: transaction.users.find_by_login("QUO'TE"))
        with pytest.raises(ValueError, match="does not fit"):
            await add_users(record, a_user(2, username="n" * 65))
        isolation = await record.transact(isolation_of)
        await engine.dispose()

    assert found == user
    assert isolation == "SERIALIZABLE"


async def test_a_password_for_the_server_may_hold_any_character(mariadb: MariaDb, url: str) -> None:
    database = make_url(url).database
    password = "p@ss:wörd/€ %41+'"
    mariadb.execute(
        f"CREATE USER 'any character'@'%' IDENTIFIED BY '{password.replace(chr(39), chr(39) * 2)}'",
        f"GRANT ALL ON `{database}`.* TO 'any character'@'%'",
    )
    engine = create_engine_for(
        make_url(url).set(username="any character", password=password).render_as_string(hide_password=False)
    )

    await SqlRecord(engine).ping()
    await engine.dispose()
    mariadb.execute("DROP USER 'any character'@'%'")


async def test_the_services_need_no_right_to_change_the_schema(mariadb: MariaDb, url: str) -> None:
    """Least privilege: only who migrates has more than SELECT, INSERT, UPDATE and DELETE."""
    database = make_url(url).database
    mariadb.execute(
        "CREATE USER 'service'@'%' IDENTIFIED BY 'service'",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON `{database}`.* TO 'service'@'%'",
    )
    engine = create_engine_for(
        make_url(url).set(username="service", password="service").render_as_string(hide_password=False)
    )
    record = SqlRecord(engine)

    async def work(transaction: RecordTransaction) -> int:
        await transaction.users.add(an_admin(1))
        await transaction.audit.append(an_event(1))
        return await transaction.users.count_active_admins()

    await check_revision(engine)
    admins = await record.transact(work)
    await engine.dispose()
    mariadb.execute("DROP USER 'service'@'%'")

    assert admins == 1


# --- what errors and logs tell ------------------------------------------------------------------------------------


async def test_what_the_server_warns_of_is_not_written_to_the_log(
    record: SqlRecord, caplog: pytest.LogCaptureFixture
) -> None:
    """Promise P11: its warnings quote values."""

    async def work(transaction: RecordTransaction) -> None:
        assert isinstance(transaction, SqlRecordTransaction)
        await transaction.session.execute(sa.select(sa.cast("a canary", sa.Integer)))
        await transaction.users.page(UserQuery(search="a canary"))

    with caplog.at_level(logging.DEBUG):
        await record.transact(work)

    assert "canary" not in caplog.text


# --- faults -------------------------------------------------------------------------------------------------------


@contextmanager
def global_setting(mariadb: MariaDb, name: str, value: str) -> Iterator[None]:
    """Connections that are made inside the block begin with this setting."""
    before = mariadb.execute(f"SELECT @@GLOBAL.{name}")[0][0]
    mariadb.execute(f"SET GLOBAL {name} = {value}")
    try:
        yield
    finally:
        mariadb.execute(f"SET GLOBAL {name} = {before!r}")


async def isolation_of(transaction: RecordTransaction) -> str:
    assert isinstance(transaction, SqlRecordTransaction)
    level: str = (await transaction.session.execute(sa.text("SELECT @@SESSION.tx_isolation"))).scalar_one()
    return level
