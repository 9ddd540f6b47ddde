"""The user list's query string."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Final, cast, get_args
from uuid import UUID

import msgspec
from paseport_shared.domain.errors import FieldProblem, ValidationFailed
from paseport_shared.domain.models.profile import MAX_EMAIL
from paseport_shared.domain.models.roles import is_role
from paseport_shared.domain.models.user import UserQuery, UserSort

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
SORTS: Final = tuple(f"{sign}{name}" for name in get_args(UserSort) for sign in ("", "-"))
_STATUS: Final = {"": None, "active": False, "disabled": True}
_PARAMETERS: Final = frozenset({"search", "role", "status", "sort", "limit", "cursor"})


class Cursor(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Where a page starts. It names its order: behind another one it would skip and repeat."""

    sort: str
    key: str
    user_id: UUID

    def encode(self) -> str:
        """Return the opaque text for ``next``."""
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).rstrip(b"=").decode()

    @staticmethod
    def decode(text: str) -> Cursor:
        """Read it back. ``ValueError`` or ``msgspec.DecodeError`` for anything else."""
        return msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=Cursor)


def parse_user_query(parameters: Mapping[str, str]) -> UserQuery:
    """Return the query. Raises ``ValidationFailed`` naming everything that is not understood (AD-08)."""
    problems = []
    if not _PARAMETERS.issuperset(parameters):
        # Not named: it is the client's text, and would stand in the answer and in the log (LG-21).
        problems.append(FieldProblem("query", "unknown_filter", "There is a filter that is not known here."))

    search = parameters.get("search", "")
    if len(search) > MAX_EMAIL:
        problems.append(FieldProblem("search", "length", f"Use at most {MAX_EMAIL} characters."))
    role = parameters.get("role") or None
    if role is not None and not is_role(role):
        problems.append(FieldProblem("role", "format", "This is not a role name."))
    status = parameters.get("status", "")
    if status not in _STATUS:
        problems.append(FieldProblem("status", "unknown", "Use active or disabled."))
    sort = parameters.get("sort") or "username"
    if sort not in SORTS:
        problems.append(FieldProblem("sort", "unknown", f"Use one of {', '.join(SORTS)}."))
    limit = _limit(parameters.get("limit", str(DEFAULT_LIMIT)))
    if limit is None:
        problems.append(FieldProblem("limit", "range", f"Use 1 to {MAX_LIMIT}."))
    after = _after(parameters.get("cursor", ""), sort)
    if after is None:
        problems.append(FieldProblem("cursor", "format", "Use the value of next, with the same sort."))

    if problems or limit is None or after is None:
        raise ValidationFailed(problems)
    return UserQuery(
        search=search,
        role=role,
        disabled=_STATUS[status],
        sort=cast(UserSort, sort.removeprefix("-")),
        descending=sort.startswith("-"),
        limit=limit,
        after=after or None,
    )


def _limit(text: str) -> int | None:
    if not text.isascii() or not text.isdigit() or len(text) > len(str(MAX_LIMIT)):
        return None
    limit = int(text)
    return limit if 1 <= limit <= MAX_LIMIT else None


def _after(text: str, sort: str) -> tuple[str, UUID] | tuple[()] | None:
    """Return the position, an empty one for the first page, or None for a cursor that is not ours."""
    if not text:
        return ()
    try:
        cursor = Cursor.decode(text)
    except (ValueError, msgspec.DecodeError):
        return None
    return (cursor.key, cursor.user_id) if cursor.sort == sort else None
