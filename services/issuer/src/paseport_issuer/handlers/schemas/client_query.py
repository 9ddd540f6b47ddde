"""The client list's query string."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from paseport_shared.domain.errors import FieldProblem, ValidationFailed
from paseport_shared.domain.models.client_registration import MAX_NAME
from paseport_shared.domain.models.client_registry import ClientQuery, is_client_id

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
_PARAMETERS: Final = frozenset({"search", "limit", "cursor"})


def parse_client_query(parameters: Mapping[str, str]) -> ClientQuery:
    """Return the query. Raises ``ValidationFailed`` naming everything that is not understood (AD-08)."""
    problems = []
    if not _PARAMETERS.issuperset(parameters):
        # Not named: it is the client's text, and would stand in the answer and in the log (LG-21).
        problems.append(FieldProblem("query", "unknown_filter", "There is a filter that is not known here."))
    search = parameters.get("search", "")
    if len(search) > MAX_NAME:
        problems.append(FieldProblem("search", "length", f"Use at most {MAX_NAME} characters."))
    limit = parameters.get("limit") or str(DEFAULT_LIMIT)
    is_limit = limit.isascii() and limit.isdigit() and len(limit) <= len(str(MAX_LIMIT))
    if not is_limit or not 1 <= int(limit) <= MAX_LIMIT:
        problems.append(FieldProblem("limit", "range", f"Use 1 to {MAX_LIMIT}."))
    # A page starts behind a client, so its id is the cursor.
    cursor = parameters.get("cursor") or None
    if cursor is not None and not is_client_id(cursor):
        problems.append(FieldProblem("cursor", "format", "Use the value of next."))
    if problems:
        raise ValidationFailed(problems)
    return ClientQuery(search=search, limit=int(limit), after=cursor)
