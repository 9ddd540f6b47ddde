"""Carrying a stored change of a user to everything that reads it elsewhere."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Final
from uuid import UUID

from paseport.clock import Clock
from paseport.revocation import SubjectChange
from paseport.subject import SubjectState
from paseport_shared.domain.errors import NotFound, RecordedNotInForce, Unavailable
from paseport_shared.domain.models.due_projection import DueProjection
from paseport_shared.domain.models.user import User
from paseport_shared.domain.ports.record import Record, RecordTransaction
from paseport_shared.domain.ports.revocation_publisher import RevocationPublisher
from paseport_shared.domain.ports.role_directory import RoleDirectory

from paseport_issuer.use_cases.revoke_access import RevokeAccess

_BATCH: Final = 100
_PAUSE_SECONDS: Final = 1.0
_OVERDUE: Final = timedelta(seconds=2)
"""A change younger than this is being carried by the request that made it."""


class ProjectUser:
    """Writes the read model through and puts revocations in force, after the record has committed.

    The change is put on record together with the duty to carry it (``due``), which is settled once it is in force. An
    answer of success means that the change holds everywhere (AD-06); what an outage cut off is completed in the
    background, by whichever issuer comes first. Carrying a change twice is carrying it once.
    """

    def __init__(
        self,
        record: Record,
        roles: RoleDirectory,
        publisher: RevocationPublisher,
        revoke: RevokeAccess,
        clock: Clock,
    ) -> None:
        self._record = record
        self._roles = roles
        self._publisher = publisher
        self._revoke = revoke
        self._clock = clock

    async def due(self, transaction: RecordTransaction, user: User, *, ends_access: bool = False) -> None:
        """Note, in the transaction that changes ``user``, that the change has to be carried on."""
        await transaction.due_projections.put(
            DueProjection(user.id, user.version, user.revision, ends_access, self._clock.now())
        )

    async def changed(self, user: User, *, ends_access: bool = False) -> None:
        """Publish the state of ``user``; with ``ends_access``, end all sessions and all tokens of older versions.

        Raises ``RecordedNotInForce`` when a part does not answer.
        """
        await self._carry(user.state, ends_access=ends_access)

    async def deleted(self, user: User) -> None:
        """Replace the state of ``user``, as left by the deletion, by one without name and roles, and end everything.

        Raises as ``changed``.
        """
        await self._carry(_gone(user.id, user.version, user.revision), ends_access=True)

    async def complete_for(self, user_id: UUID) -> None:
        """Carry what is due for one user now: somebody repeats the request that an outage cut off.

        Raises as ``changed``, and ``Unavailable``.
        """

        async def read(transaction: RecordTransaction) -> DueProjection | None:
            return await transaction.due_projections.find(user_id)

        due = await self._record.transact(read)
        if due is not None:
            await self._carry(await self._state_of(due), ends_access=due.ends_access)

    async def complete(self) -> int:
        """Carry what is overdue, and say how many changes that were. Raises ``Unavailable``."""

        async def read(transaction: RecordTransaction) -> tuple[DueProjection, ...]:
            return await transaction.due_projections.oldest(_BATCH)

        overdue_since = self._clock.now() - _OVERDUE
        overdue = [due for due in await self._record.transact(read) if due.since <= overdue_since]
        for due in overdue:
            await self._carry(await self._state_of(due), ends_access=due.ends_access)
        return len(overdue)

    async def keep_completing(self) -> None:
        """Carry what becomes overdue, until cancelled."""
        while True:
            with suppress(Unavailable):
                await self.complete()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _state_of(self, due: DueProjection) -> SubjectState:
        async def read(transaction: RecordTransaction) -> SubjectState:
            try:
                return (await transaction.users.get(due.user_id)).state
            except NotFound:
                return _gone(due.user_id, due.version, due.revision)

        return await self._record.transact(read)

    async def _carry(self, state: SubjectState, *, ends_access: bool) -> None:
        try:
            await self._roles.put(state)
            # Told after it can be read: whoever asks again then gets the new state.
            await self._publisher.announce(SubjectChange(str(state.user_id), state.revision))
            if ends_access:
                await self._revoke.user_version(state.user_id, state.version)
        except Unavailable as problem:
            raise RecordedNotInForce(problem.reason, problem.retry_after) from problem

        async def settle(transaction: RecordTransaction) -> None:
            await transaction.due_projections.settle(state.user_id, state.revision)

        # It is in force. What stays noted as due is carried once more, which changes nothing.
        with suppress(Unavailable):
            await self._record.transact(settle)


def _gone(user_id: UUID, version: int, revision: int) -> SubjectState:
    return SubjectState(user_id, "", frozenset(), enabled=False, version=version, revision=revision)
