"""From msgspec's words about a value to a ``FieldProblem``, without the value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from paseport_shared.domain.errors import FieldProblem, InvalidRequest

_PATH: Final = re.compile(r" - at `(?:key` in `)?\$(?P<path>[^`]*)`\Z")
_MISSING: Final = re.compile(r"\AObject missing required field `(?P<name>[^`]+)`")
_UNKNOWN: Final = "Object contains unknown field "
_STATED: Final = re.compile(r"\AExpected [A-Za-z0-9_ `|,.<>=+-]+\Z")


class InvalidBody(InvalidRequest):
    """A body that does not fit its schema; ``problems`` name the field where it is known."""

    def __init__(self, problems: Sequence[FieldProblem]) -> None:
        super().__init__(", ".join(f"{problem.field or 'body'}: {problem.code}" for problem in problems))
        self.problems = tuple(problems)


def explain_violation(message: str, field: str = "") -> FieldProblem:
    """Return what ``message`` (of ``msgspec.ValidationError``) says of a field.

    Only what the schema says is repeated. The name of an unknown field is the client's, and so is a wrong value of an
    enumeration: neither appears.
    """
    path = ""
    if match := _PATH.search(message):
        path = _without_positions(match["path"])
        message = message[: match.start()]
    name = ".".join(part for part in (_without_positions(field), path) if part)

    if missing := _MISSING.match(message):
        return FieldProblem(".".join(part for part in (name, missing["name"]) if part), "required", "This is missing.")
    if message.startswith(_UNKNOWN):
        return FieldProblem(name, "unknown_field", "There is a field that is not known here.")
    if not _STATED.match(message):
        return FieldProblem(name, "format", "This value is not acceptable.")
    code = "type" if ", got " in message else "length" if " of length " in message else "range"
    return FieldProblem(name, code, f"{message.replace('`', '')}.")


def _without_positions(path: str) -> str:
    """Return the dotted path of fields: ``.roles[3]`` is ``roles``."""
    return re.sub(r"\[[^\]]*\]", "", path).strip(".")
