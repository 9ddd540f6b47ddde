"""The record in SQL: transactions, deadlines and repetition."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from paseport.deadline import Deadline
from sqlalchemy.ext.asyncio import AsyncEngine

from paseport_shared.adapters.sql.api_key_repository import SqlApiKeyRepository
from paseport_shared.adapters.sql.audit_log import SqlAuditLog
from paseport_shared.adapters.sql.client_repository import SqlClientRepository
from paseport_shared.adapters.sql.consent_repository import SqlConsentRepository
from paseport_shared.adapters.sql.due_projections import SqlDueProjections
from paseport_shared.adapters.sql.engine import capacity_of
from paseport_shared.adapters.sql.linked_identity_repository import SqlLinkedIdentityRepository
from paseport_shared.adapters.sql.password_reset_repository import SqlPasswordResetRepository
from paseport_shared.adapters.sql.places import Places
from paseport_shared.adapters.sql.provider_repository import SqlProviderRepository
from paseport_shared.adapters.sql.revocation_record import SqlRevocationRecord
from paseport_shared.adapters.sql.session import Reading, SqlSession
from paseport_shared.adapters.sql.signing_key_repository import SqlSigningKeyRepository
from paseport_shared.adapters.sql.user_repository import SqlUserRepository
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.ports.record import RecordTransaction

T = TypeVar("T")

DEADLINE: Final = timedelta(seconds=2)
PATIENCE: Final = timedelta(milliseconds=800)
"""How long a caller waits for a connection: FT-16 wants the refusal within a second."""
QUEUE: Final = 100
_ATTEMPTS: Final = 8
_FIRST_PAUSE_SECONDS: Final = 0.01
_LONGEST_PAUSE_SECONDS: Final = 0.25
_jitter: Final = secrets.SystemRandom()


class SqlRecord:
    """A ``Record`` on SQLite or MariaDB.

    ``deadline`` bounds a whole transaction: waiting for a connection, every repetition, the commit. At most ``queue``
    callers wait for a connection, each for ``patience``. The engine belongs to whoever created it.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        deadline: timedelta = DEADLINE,
        patience: timedelta = PATIENCE,
        queue: int = QUEUE,
    ) -> None:
        self._engine = engine
        self._deadline = deadline
        self._places = Places(capacity_of(engine), queue, patience)

    @property
    def capacity(self) -> int:
        """How many transactions run at a time: one for each connection of the pool."""
        return self._places.capacity

    @property
    def in_use(self) -> int:
        """How many connections are busy, those included that are being cleaned up behind a caller who has gone."""
        return self._places.in_use

    @property
    def waiting(self) -> int:
        """How many callers wait for a connection."""
        return self._places.waiting

    async def transact(self, work: Callable[[RecordTransaction], Awaitable[T]]) -> T:
        """See ``Record.transact``.

        After contention, or after a connection was lost before the commit, the work is run again: up to eight times
        in all, with growing random pauses, inside the deadline. ``Overloaded`` where no connection comes free.
        """
        return await self._within_deadline(self._repeat(work))

    async def read(self, work: Callable[[RecordTransaction], Awaitable[T]]) -> T:
        """See ``Record.read``. Repeated like ``transact``."""
        return await self._within_deadline(self._repeat(work, only_reads=True))

    async def ping(self) -> None:
        """See ``Record.ping``."""
        await self._within_deadline(self._repeat(_say_hello))

    async def _repeat(self, work: Callable[[SqlRecordTransaction], Awaitable[T]], *, only_reads: bool = False) -> T:
        attempt = 1
        while True:
            reading = Reading.SNAPSHOT if only_reads else Reading.SHARED if attempt == 1 else Reading.LOCKED
            session = SqlSession(self._engine, self._places, reading)
            try:
                async with session:
                    answer = await work(SqlRecordTransaction(session))
                    await session.commit()
                    return answer
            except Exception:
                if session.failure is None:
                    raise  # the work's own refusal
                if not session.is_repeatable or attempt == _ATTEMPTS:
                    # Whatever the work made of its broken transaction, this is what happened.
                    raise session.failure from session.failure.__cause__
            longest_pause = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2**attempt)
            await asyncio.sleep(_jitter.uniform(0, longest_pause))
            attempt += 1

    async def _within_deadline(self, call: Coroutine[Any, Any, T]) -> T:
        scope = Deadline(self._deadline.total_seconds())
        try:
            async with scope:
                return await call
        except TimeoutError as error:
            if not scope.expired():
                raise  # the work's own
            raise Unavailable("the record did not answer in time") from error


class SqlRecordTransaction:
    """A ``RecordTransaction``."""

    def __init__(self, session: SqlSession) -> None:
        self.session = session
        self._users = SqlUserRepository(session)
        self._clients = SqlClientRepository(session)
        self._api_keys = SqlApiKeyRepository(session)
        self._audit = SqlAuditLog(session)
        self._revocations = SqlRevocationRecord(session)
        self._consents = SqlConsentRepository(session)
        self._password_resets = SqlPasswordResetRepository(session)
        self._providers = SqlProviderRepository(session)
        self._identities = SqlLinkedIdentityRepository(session)
        self._signing_keys = SqlSigningKeyRepository(session)
        self._due_projections = SqlDueProjections(session)

    @property
    def users(self) -> SqlUserRepository:
        """Users."""
        return self._users

    @property
    def clients(self) -> SqlClientRepository:
        """Clients that administrators manage."""
        return self._clients

    @property
    def api_keys(self) -> SqlApiKeyRepository:
        """API keys."""
        return self._api_keys

    @property
    def audit(self) -> SqlAuditLog:
        """The audit log."""
        return self._audit

    @property
    def revocations(self) -> SqlRevocationRecord:
        """Revocations."""
        return self._revocations

    @property
    def password_resets(self) -> SqlPasswordResetRepository:
        """Password reset links."""
        return self._password_resets

    @property
    def consents(self) -> SqlConsentRepository:
        """What users allowed clients."""
        return self._consents

    @property
    def providers(self) -> SqlProviderRepository:
        """Identity providers."""
        return self._providers

    @property
    def identities(self) -> SqlLinkedIdentityRepository:
        """Linked identities."""
        return self._identities

    @property
    def due_projections(self) -> SqlDueProjections:
        """Changes that may not be in force everywhere yet."""
        return self._due_projections

    @property
    def signing_keys(self) -> SqlSigningKeyRepository:
        """Key states."""
        return self._signing_keys


async def _say_hello(transaction: SqlRecordTransaction) -> None:
    await transaction.session.execute(sa.select(sa.literal(1)))
