"""Carrying a stored change of a user to everything that reads it elsewhere."""

from __future__ import annotations

from uuid import UUID

from paseport_shared.domain.errors import RecordedNotInForce, Unavailable
from paseport_shared.domain.models.principal import SubjectState
from paseport_shared.domain.models.revocation import Revocation
from paseport_shared.domain.models.user import User
from paseport_shared.domain.ports.role_directory import RoleDirectory

from paseport_issuer.use_cases.revoke_access import RevokeAccess


class ProjectUser:
    """Writes the read model through and puts revocations in force, after the record has committed.

    Repeating it is safe, and a repeated admin request repeats it: an answer of success means that the change holds
    everywhere (AD-06).
    """

    def __init__(self, roles: RoleDirectory, revoke: RevokeAccess) -> None:
        self._roles = roles
        self._revoke = revoke

    async def changed(self, user: User, revocation: Revocation | None = None) -> None:
        """Publish the state of ``user``; with ``revocation``, end all of the user's sessions and tokens.

        Raises ``RecordedNotInForce`` when a part does not answer.
        """
        await self._project(state_of(user), revocation)

    async def deleted(self, user: User, revocation: Revocation) -> None:
        """Replace the user's state by one without name and roles, and end everything. Raises as ``changed``."""
        gone = SubjectState(user.id, "", frozenset(), enabled=False, version=user.version, revision=user.revision)
        await self._project(gone, revocation)

    async def absent(self, user_id: UUID) -> None:
        """Complete the deletion of a user who is on record no more, where an outage cut it off.

        Raises ``RecordedNotInForce``.
        """
        try:
            state = await self._roles.find(user_id)
        except Unavailable as problem:
            raise RecordedNotInForce(problem.reason, problem.retry_after) from problem
        if state is not None and (state.enabled or state.username):
            version = state.version + 1
            gone = SubjectState(user_id, "", frozenset(), enabled=False, version=version, revision=state.revision + 1)
            await self._project(gone, self._revoke.older_than(user_id, version))

    async def _project(self, state: SubjectState, revocation: Revocation | None) -> None:
        try:
            await self._roles.put(state)
            if revocation is not None:
                await self._revoke.user_version(revocation, state.user_id)
        except Unavailable as problem:
            raise RecordedNotInForce(problem.reason, problem.retry_after) from problem


def state_of(user: User) -> SubjectState:
    """Return what verifiers need to know of a user."""
    return SubjectState(user.id, user.username, user.roles, not user.disabled, user.version, user.revision)
