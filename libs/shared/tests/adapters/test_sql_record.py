"""The record on SQLite keeps the record's promises."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from contracts.audit_log import AuditLogContract
from contracts.password_reset_repository import PasswordResetRepositoryContract
from contracts.record import RecordContract
from contracts.record_samples import Cut
from contracts.revocation_record import RevocationRecordContract
from contracts.signing_key_repository import SigningKeyRepositoryContract
from contracts.user_repository import UserRepositoryContract
from paseport_shared.adapters.sql import migrations
from paseport_shared.adapters.sql.engine import create_engine_for
from paseport_shared.adapters.sql.record import SqlRecord
from sqlalchemy.ext.asyncio import AsyncEngine


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
async def engine(folder: Path) -> AsyncIterator[AsyncEngine]:
    url = f"sqlite:///{folder}/paseport.db"
    await migrations.upgrade(url)
    engine = create_engine_for(url)
    yield engine
    await engine.dispose()


@pytest.fixture
def record(engine: AsyncEngine) -> SqlRecord:
    return SqlRecord(engine)


@pytest.fixture
def cut(engine: AsyncEngine, folder: Path) -> Cut:
    @asynccontextmanager
    async def gone() -> AsyncIterator[None]:
        await engine.dispose()
        unmounted = folder.with_name("unmounted")
        os.rename(folder, unmounted)
        try:
            yield
        finally:
            os.rename(unmounted, folder)

    return gone


class TestSqlRecord(RecordContract):
    pass


class TestSqlUserRepository(UserRepositoryContract):
    pass


class TestSqlAuditLog(AuditLogContract):
    pass


class TestSqlRevocationRecord(RevocationRecordContract):
    pass


class TestSqlPasswordResetRepository(PasswordResetRepositoryContract):
    pass


class TestSqlSigningKeyRepository(SigningKeyRepositoryContract):
    pass
