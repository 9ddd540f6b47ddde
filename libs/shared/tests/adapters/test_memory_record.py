"""The record in memory keeps the record's promises."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from contracts.api_key_repository import ApiKeyRepositoryContract
from contracts.audit_log import AuditLogContract
from contracts.client_repository import ClientRepositoryContract
from contracts.consent_repository import ConsentRepositoryContract
from contracts.due_projections import DueProjectionsContract
from contracts.linked_identity_repository import LinkedIdentityRepositoryContract
from contracts.password_reset_repository import PasswordResetRepositoryContract
from contracts.provider_repository import ProviderRepositoryContract
from contracts.record import RecordContract
from contracts.record_samples import Cut, a_user, an_id, changed, get_user
from contracts.revocation_record import RevocationRecordContract
from contracts.signing_key_repository import SigningKeyRepositoryContract
from contracts.user_repository import UserRepositoryContract
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.record import MemoryRecord
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.ports.record import RecordTransaction


@pytest.fixture
def outage() -> MemoryOutage:
    return MemoryOutage()


@pytest.fixture
def record(outage: MemoryOutage) -> MemoryRecord:
    return MemoryRecord(outage)


@pytest.fixture
def cut(outage: MemoryOutage) -> Cut:
    @asynccontextmanager
    async def gone() -> AsyncIterator[None]:
        with outage:
            yield

    return gone


class TestMemoryRecord(RecordContract):
    async def test_work_that_loses_its_database_half_way_commits_nothing_whatever_it_makes_of_it(
        self, record: MemoryRecord, outage: MemoryOutage
    ) -> None:
        await record.transact(lambda transaction: transaction.users.add(a_user(1)))

        async def work(transaction: RecordTransaction) -> None:
            await transaction.users.update(changed(a_user(1), disabled=True), expected_revision=1)
            with outage, pytest.raises(Unavailable):
                await transaction.users.get(an_id(1))

        with pytest.raises(Unavailable):
            await record.transact(work)

        assert await get_user(record, an_id(1)) == a_user(1)


class TestMemoryUserRepository(UserRepositoryContract):
    pass


class TestMemoryClientRepository(ClientRepositoryContract):
    pass


class TestMemoryApiKeyRepository(ApiKeyRepositoryContract):
    pass


class TestMemoryAuditLog(AuditLogContract):
    pass


class TestMemoryRevocationRecord(RevocationRecordContract):
    pass


class TestMemoryPasswordResetRepository(PasswordResetRepositoryContract):
    pass


class TestMemorySigningKeyRepository(SigningKeyRepositoryContract):
    pass


class TestMemoryProviderRepository(ProviderRepositoryContract):
    pass


class TestMemoryLinkedIdentityRepository(LinkedIdentityRepositoryContract):
    pass


class TestMemoryDueProjections(DueProjectionsContract):
    pass


class TestMemoryConsentRepository(ConsentRepositoryContract):
    pass
