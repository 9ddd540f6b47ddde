"""What a user name, an e-mail address, a display name and a set of roles may be."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from typing import Final

from paseport_shared.domain.errors import FieldProblem, ValidationFailed
from paseport_shared.domain.models.identifiers import canonical
from paseport_shared.domain.models.roles import MAX_ROLES_PER_USER, is_role

MAX_USERNAME: Final = 64
MAX_EMAIL: Final = 254
MAX_DISPLAY_NAME: Final = 100

# One @, an unquoted local part, a host name with a dot: what mail systems accept in practice, and nothing that two of
# them could read differently (`a@evil@corp`, quoted local parts, addresses in brackets).
_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@"
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)


def is_email(address: str) -> bool:
    """Say whether ``address`` is an e-mail address as it may be stored."""
    return len(address) <= MAX_EMAIL and _EMAIL.fullmatch(address) is not None


def check_profile(*, username: str, email: str, display_name: str | None, roles: Collection[str]) -> None:
    """Raise ``ValidationFailed`` naming every field that is not acceptable."""
    problems = [*_username(username), *_email(email), *_display_name(display_name), *_roles(roles)]
    if problems:
        raise ValidationFailed(problems)


def _username(name: str) -> Iterator[FieldProblem]:
    length = len(canonical(name))
    if not 1 <= length <= MAX_USERNAME or len(name) > MAX_USERNAME:
        yield FieldProblem("username", "length", f"Use 1 to {MAX_USERNAME} characters.")
    if "@" in unicodedata.normalize("NFKC", name):
        yield FieldProblem("username", "at_sign", "A user name cannot contain @: that is how addresses are told apart.")
    if any(_is_unprintable(character) for character in name):
        yield FieldProblem("username", "characters", "Leave out spaces and control characters.")


def _email(address: str) -> Iterator[FieldProblem]:
    if not is_email(address):
        yield FieldProblem("email", "format", "Use an address of the form name@example.com.")


def _display_name(name: str | None) -> Iterator[FieldProblem]:
    if name is None:
        return
    if not name.strip() or len(name) > MAX_DISPLAY_NAME:
        yield FieldProblem("display_name", "length", f"Use 1 to {MAX_DISPLAY_NAME} characters, or leave it out.")
    if any(unicodedata.category(character)[0] == "C" for character in name):
        yield FieldProblem("display_name", "characters", "Leave out control characters.")


def _roles(roles: Collection[str]) -> Iterator[FieldProblem]:
    if len(roles) > MAX_ROLES_PER_USER:
        yield FieldProblem("roles", "too_many", f"Use at most {MAX_ROLES_PER_USER} roles.")
    if not all(is_role(role) for role in roles):
        yield FieldProblem(
            "roles",
            "format",
            "A role starts with a letter and has up to 64 letters, digits, dots, dashes, underscores.",
        )


def _is_unprintable(character: str) -> bool:
    """Say whether a character is a control, a format mark, a surrogate, unassigned, or any kind of space."""
    return unicodedata.category(character)[0] in "CZ"
