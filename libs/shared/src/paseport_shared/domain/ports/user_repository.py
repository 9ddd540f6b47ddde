"""Users in the record."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol
from uuid import UUID

from paseport.subject import SubjectState

from paseport_shared.domain.models.user import User, UserPage, UserQuery


class UserRepository(Protocol):
    """Users, inside a record transaction. Names are unique and found by their canonical form."""

    async def get(self, user_id: UUID) -> User:
        """Return the user. Raises ``NotFound``."""
        ...

    async def usernames(self, user_ids: Collection[UUID]) -> Mapping[UUID, str]:
        """Return the names of those of them who exist."""
        ...

    async def find_by_login(self, login: str) -> User | None:
        """Return the user with this user name or e-mail address (any spelling of it), or None.

        A user name never contains ``@``, so at most one user fits.
        """
        ...

    async def add(self, user: User) -> None:
        """Store a new user. Raises ``AlreadyExists`` with the field (``username`` or ``email``) that is taken."""
        ...

    async def update(self, user: User, *, expected_revision: int) -> None:
        """Replace the stored user; ``user.revision`` is ``expected_revision + 1``.

        Raises ``NotFound``, ``PreconditionFailed`` where the stored revision is another, ``AlreadyExists``.
        """
        ...

    async def delete(self, user_id: UUID, *, expected_revision: int) -> None:
        """Erase the user. Raises ``NotFound``, ``PreconditionFailed``."""
        ...

    async def replace_password_hash(self, user_id: UUID, *, old: str, new: str) -> bool:
        """Store an upgraded hash of the same password if ``old`` is still the stored one; say whether it was.

        Not a change of the user: revision, version and ``updated_at`` stay.
        """
        ...

    async def count_active_admins(self) -> int:
        """Count the accounts that satisfy ``User.is_active_admin``.

        The number cannot change under the caller until the transaction ends, so a guard that relies on it holds.
        """
        ...

    async def page(self, query: UserQuery) -> UserPage:
        """Return one page. Order is total (ties break by id), so following pages neither repeat nor skip."""
        ...

    async def subject_states(self, after: UUID | None, limit: int) -> tuple[SubjectState, ...]:
        """Return up to ``limit`` states in id order, starting behind ``after``: for loading the role directory."""
        ...
