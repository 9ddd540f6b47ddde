"""The record keeps its promises on SQLite and on MariaDB."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from contracts.api_key_repository import ApiKeyRepositoryContract
from contracts.audit_log import AuditLogContract
from contracts.client_repository import ClientRepositoryContract
from contracts.consent_repository import ConsentRepositoryContract
from contracts.due_projections import DueProjectionsContract
from contracts.linked_identity_repository import LinkedIdentityRepositoryContract
from contracts.password_reset_repository import PasswordResetRepositoryContract
from contracts.patient_record import patient_record
from contracts.provider_repository import ProviderRepositoryContract
from contracts.provider_samples import an_identity
from contracts.record import RecordContract
from contracts.record_samples import Cut, a_user, add_users, an_event, an_id
from contracts.revocation_record import RevocationRecordContract
from contracts.signing_key_repository import SigningKeyRepositoryContract
from contracts.user_repository import UserRepositoryContract
from paseport_shared.adapters.sql import migrations
from paseport_shared.adapters.sql.engine import create_engine_for
from paseport_shared.adapters.sql.record import SqlRecord
from paseport_shared.adapters.sql.tables import metadata
from paseport_testkit.harness.mariadb import MariaDb
from sqlalchemy.ext.asyncio import AsyncEngine


@dataclass(frozen=True)
class Database:
    """A database with our tables, perhaps with rows, and how it is taken away."""

    url: str
    cut: Cut


@pytest.fixture(scope="module")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("migrated") / "paseport.db"
    asyncio.run(migrations.upgrade(f"sqlite:///{file}"))
    return file


@pytest.fixture(scope="module")
def migrated_url(mariadb: MariaDb) -> Iterator[str]:
    url = mariadb.create_database("record_contracts")
    asyncio.run(migrations.upgrade(url))
    yield url
    mariadb.drop_database("record_contracts")


@pytest.fixture(params=["sqlite", "mariadb"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "sqlite":
        folder = tmp_path / "data"
        folder.mkdir()
        file = shutil.copy(request.getfixturevalue("migrated_file"), folder)
        return Database(f"sqlite:///{file}", lambda: moved(folder))
    return Database(request.getfixturevalue("migrated_url"), lambda: killed(request.getfixturevalue("mariadb")))


@asynccontextmanager
async def moved(folder: Path) -> AsyncIterator[None]:
    """The folder is not where it was."""
    elsewhere = folder.with_name("elsewhere")
    os.rename(folder, elsewhere)
    try:
        yield
    finally:
        os.rename(elsewhere, folder)


@asynccontextmanager
async def killed(server: MariaDb) -> AsyncIterator[None]:
    """The server dies with all connections open, and comes back with its data."""
    await asyncio.to_thread(server.kill)
    try:
        yield
    finally:
        await asyncio.to_thread(server.start)


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    engine = create_engine_for(database.url)
    async with engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            await connection.execute(sa.delete(table))
    yield engine
    await engine.dispose()


@pytest.fixture
def record(engine: AsyncEngine) -> SqlRecord:
    return patient_record(engine)


@pytest.fixture
def cut(engine: AsyncEngine, database: Database) -> Cut:
    @asynccontextmanager
    async def gone() -> AsyncIterator[None]:
        if engine.dialect.name == "sqlite":
            await engine.dispose()  # an open file stays open wherever its folder goes
        async with database.cut():
            yield

    return gone


class TestSqlRecord(RecordContract):
    pass


class TestSqlUserRepository(UserRepositoryContract):
    pass


class TestSqlClientRepository(ClientRepositoryContract):
    pass


class TestSqlApiKeyRepository(ApiKeyRepositoryContract):
    pass


class TestSqlAuditLog(AuditLogContract):
    pass


class TestSqlRevocationRecord(RevocationRecordContract):
    pass


class TestSqlPasswordResetRepository(PasswordResetRepositoryContract):
    pass


class TestSqlSigningKeyRepository(SigningKeyRepositoryContract):
    pass


class TestSqlProviderRepository(ProviderRepositoryContract):
    pass


class TestSqlLinkedIdentityRepository(LinkedIdentityRepositoryContract):
    pass


class TestSqlDueProjections(DueProjectionsContract):
    pass


@pytest.mark.parametrize("text", [chr(0xD800), chr(0xDC80), f"a{chr(0xDCE4)}b"])
async def test_text_that_cannot_be_encoded_is_the_callers_mistake(record: SqlRecord, text: str) -> None:
    """Lone surrogates: some drivers write them as bytes that are no UTF-8."""
    with pytest.raises(ValueError, match=r"surrogates|does not fit"):
        await record.transact(lambda transaction: transaction.audit.append(an_event(1, target=text)))

    assert await record.transact(lambda transaction: transaction.audit.latest(1)) == ()


@pytest.mark.parametrize("text", [chr(0xD800), "s" * 256])
async def test_an_identity_that_could_never_be_found_is_the_callers_mistake(record: SqlRecord, text: str) -> None:
    """SQLite would keep it, however long it is: each sign-in would meet somebody new."""
    await add_users(record, a_user(1))

    for identity in (an_identity(subject=text), an_identity(namespace=text)):
        with pytest.raises(ValueError, match="does not fit"):
            await record.transact(lambda transaction, identity=identity: transaction.identities.add(identity))

    assert await record.transact(lambda transaction: transaction.identities.list_for_user(an_id(1))) == ()


class TestSqlConsentRepository(ConsentRepositoryContract):
    pass
