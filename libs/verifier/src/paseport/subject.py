"""Who a user is today: what no token says, so that a change is live."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Protocol
from uuid import UUID

# Case-sensitive, and such that a comma can join several in a header.
_ROLE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")


def is_role(name: str) -> bool:
    """Say whether ``name`` is a role name: ``[A-Za-z][A-Za-z0-9_.-]{0,63}``."""
    return _ROLE.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class SubjectState:
    """What verifiers need to know of a user.

    ``revision`` orders writes: an older state never replaces a newer one. A deleted user leaves ``enabled=False``
    without roles and without a name. ``email`` is an address that is known to be theirs, else empty; ``name`` is what
    they are called.
    """

    user_id: UUID
    username: str
    roles: frozenset[str]
    enabled: bool
    version: int
    revision: int
    email: str = field(default="", repr=False)
    name: str = field(default="", repr=False)


class SubjectDirectory(Protocol):
    """The read model of all users. Both methods raise ``Unavailable`` when it does not answer, and never guess."""

    async def find(self, user_id: UUID) -> SubjectState | None:
        """Return the subject's state, or None where the directory has no entry."""
        ...

    async def is_complete(self) -> bool:
        """Say whether a miss is final: the directory was loaded whole and written through since."""
        ...


class SubjectSource(Protocol):
    """Who is asked where the directory has no entry, or where there is none: the issuer, which has the record."""

    async def resolve(self, user_id: UUID) -> SubjectState | None:
        """Return the subject's state, or None where there is no such user. Raises ``Unavailable``, never guesses."""
        ...
