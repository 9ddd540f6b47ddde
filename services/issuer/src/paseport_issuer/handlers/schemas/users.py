"""Users on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType
from paseport_shared.domain.models.password import MAX_LENGTH
from paseport_shared.domain.models.user import User

from paseport_issuer.use_cases.change_user import UserChange
from paseport_issuer.use_cases.issue_password_reset import IssuedReset

# Generous caps that bound the work; what a value may be is said by domain.models.profile, with a reason per field.
_Text = Annotated[str, msgspec.Meta(max_length=320)]
_Roles = Annotated[list[Annotated[str, msgspec.Meta(max_length=320)]], msgspec.Meta(max_length=100)]


class CreateUserRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new user. Without ``password`` the account has none until a reset link is used.

    ``email_verified`` says that the address is known to be this person's: an identity provider that is trusted with
    addresses then signs them in without asking for a password.
    """

    username: _Text
    email: _Text
    roles: _Roles
    password: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_LENGTH)] | None = None
    display_name: _Text | None = None
    email_verified: bool = False


class ReplaceUserRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of a user that an administrator decides. Without ``email_verified`` a new address is not verified."""

    username: _Text
    email: _Text
    display_name: _Text | None
    roles: _Roles
    disabled: bool
    email_verified: bool | UnsetType = UNSET

    def change(self) -> UserChange:
        """Return the change that sets every field."""
        return _change(_named(self))


class ChangeUserRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Some of it (RFC 7396): a field that is left out stays; ``display_name: null`` removes it."""

    username: _Text | UnsetType = UNSET
    email: _Text | UnsetType = UNSET
    display_name: _Text | UnsetType | None = UNSET
    roles: _Roles | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET
    email_verified: bool | UnsetType = UNSET

    def change(self) -> UserChange:
        """Return the change that sets the named fields."""
        return _change(_named(self))


class UserResponse(msgspec.Struct, frozen=True):
    """A user as administrators see it: never a hash."""

    id: UUID
    username: str
    email: str
    email_verified: bool
    display_name: str | None
    roles: list[str]
    disabled: bool
    built_in: bool
    has_password: bool
    created_at: datetime
    updated_at: datetime

    @staticmethod
    def of(user: User) -> UserResponse:
        """Return the answer for a user."""
        return UserResponse(
            id=user.id,
            username=user.username,
            email=user.email,
            email_verified=user.email_verified,
            display_name=user.display_name,
            roles=sorted(user.roles),
            disabled=user.disabled,
            built_in=user.built_in,
            has_password=user.password_hash is not None,
            created_at=user.created_at,
            updated_at=user.updated_at,
        )


class UserListResponse(msgspec.Struct, frozen=True):
    """One page. ``next`` is the cursor of the following one."""

    items: list[UserResponse]
    next: str | None
    total: int


class PasswordResetResponse(msgspec.Struct, frozen=True):
    """A one-time link, shown once."""

    url: str
    expires_at: datetime

    @staticmethod
    def of(reset: IssuedReset) -> PasswordResetResponse:
        """Return the answer for a link."""
        return PasswordResetResponse(reset.url.reveal(), reset.expires_at)


def _named(request: ReplaceUserRequest | ChangeUserRequest) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(request).items() if value is not UNSET}


def _change(values: dict[str, Any]) -> UserChange:
    if "roles" in values:
        values["roles"] = frozenset(values["roles"])
    return UserChange(frozenset(values), **values)
