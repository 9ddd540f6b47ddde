"""Users, as the record holds them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from paseport.subject import SubjectState

from paseport_shared.domain.models.identifiers import canonical
from paseport_shared.domain.models.roles import ADMIN


@dataclass(frozen=True, slots=True)
class User:
    """A person (or the built-in account ``cli``).

    ``version`` is the token version: access tokens carry it as ``ver`` and die when it grows (disable, password
    reset, delete). ``revision`` counts every stored change and becomes the ETag. ``password_hash`` is None where the
    account has no password. ``email_verified`` says that the account is known to be the mailbox owner's: an
    administrator said so, or an identity provider that is trusted with it.
    """

    id: UUID
    username: str
    email: str
    display_name: str | None
    password_hash: str | None = field(repr=False)
    roles: frozenset[str]
    disabled: bool
    built_in: bool
    version: int
    revision: int
    created_at: datetime
    updated_at: datetime
    email_verified: bool = False

    @property
    def canonical_username(self) -> str:
        """The user name as it is looked up and kept unique."""
        return canonical(self.username)

    @property
    def canonical_email(self) -> str:
        """The e-mail address as it is looked up and kept unique."""
        return canonical(self.email)

    @property
    def state(self) -> SubjectState:
        """What verifiers need to know."""
        return SubjectState(
            user_id=self.id,
            username=self.username,
            roles=self.roles,
            enabled=not self.disabled,
            version=self.version,
            revision=self.revision,
            # Services behind a proxy take an address for who somebody is: one that nobody vouches for is none.
            email=self.email if self.email_verified else "",
            name=self.display_name or "",
        )

    @property
    def is_active_admin(self) -> bool:
        """Whether this account counts for the last-admin guard: a person who can administer today."""
        return ADMIN in self.roles and not self.disabled and not self.built_in


UserSort = Literal["username", "email", "created_at"]


@dataclass(frozen=True, slots=True)
class UserQuery:
    """One page of the user list.

    ``search`` is a literal substring of user name, e-mail address or display name (canonical forms; no wildcards).
    ``after`` is the position behind which the page starts: the sort key and the id of the last item seen.
    """

    search: str = ""
    role: str | None = None
    disabled: bool | None = None
    sort: UserSort = "username"
    descending: bool = False
    limit: int = 50
    after: tuple[str, UUID] | None = None


@dataclass(frozen=True, slots=True)
class UserPage:
    """``items`` of one page, ``after`` of the next page or None, and how many users match in all."""

    items: tuple[User, ...]
    next: tuple[str, UUID] | None
    total: int
