"""Filling the hot stores from the record when the issuer starts."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from paseport_shared.domain.models.principal import SubjectState
from paseport_shared.domain.models.revocation import Revocation
from paseport_shared.domain.ports.clock import Clock
from paseport_shared.domain.ports.record import Record, RecordTransaction
from paseport_shared.domain.ports.revocation_feed import RevocationPublisher
from paseport_shared.domain.ports.role_directory import RoleDirectory

_PAGE: Final = 1_000


class LoadReadModels:
    """Safe to repeat and to run beside live writes: a newer state is never replaced by an older one."""

    def __init__(self, record: Record, roles: RoleDirectory, publisher: RevocationPublisher, clock: Clock) -> None:
        self._record = record
        self._roles = roles
        self._publisher = publisher
        self._clock = clock

    async def __call__(self) -> None:
        """Put all revocations in force, load every subject, then declare misses final. Raises ``Unavailable``."""

        async def revocations(transaction: RecordTransaction) -> tuple[Revocation, ...]:
            return await transaction.revocations.in_force(self._clock.now())

        for revocation in await self._record.transact(revocations):
            await self._publisher.publish(revocation)

        after: UUID | None = None
        while states := await self._states(after):
            for state in states:
                await self._roles.put(state)
            after = states[-1].user_id
        await self._roles.mark_complete()

    async def _states(self, after: UUID | None) -> tuple[SubjectState, ...]:
        async def read(transaction: RecordTransaction) -> tuple[SubjectState, ...]:
            return await transaction.users.subject_states(after, _PAGE)

        return await self._record.transact(read)
