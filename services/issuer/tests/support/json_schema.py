"""Does a JSON value fit a schema of our OpenAPI documents? Reads the keywords that they use and reports others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

_ANNOTATIONS = frozenset({"title", "description", "default", "examples"})
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "object": dict, "array": list, "string": str, "boolean": bool, "null": type(None), "integer": int,
    "number": (int, float),
}  # fmt: skip


def violations(value: Any, schema: Mapping[str, Any], document: Mapping[str, Any], at: str = "$") -> Iterator[str]:
    """Yield what does not fit. Properties that the schema does not name do not fit either."""
    if "$ref" in schema:
        yield from violations(value, resolve(schema["$ref"], document), document, at)
        return
    for keyword, wanted in schema.items():
        if keyword not in _ANNOTATIONS:
            yield from _check(keyword, wanted, value, document, at)


def resolve(reference: str, document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a local reference names."""
    found: Any = document
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return found  # type: ignore[no-any-return]


def _check(keyword: str, wanted: Any, value: Any, document: Mapping[str, Any], at: str) -> Iterator[str]:
    match keyword:
        case "type":
            kinds = [wanted] if isinstance(wanted, str) else wanted
            if not any(_is(value, kind) for kind in kinds):
                yield f"{at}: {value!r} is no {wanted}"
        case "const":
            if value != wanted:
                yield f"{at}: {value!r} is not {wanted!r}"
        case "enum":
            if value not in wanted:
                yield f"{at}: {value!r} is none of {wanted}"
        case "oneOf" | "anyOf":
            if not any(not list(violations(value, one, document, at)) for one in wanted):
                yield f"{at}: {value!r} fits no alternative"
        case "properties":
            if isinstance(value, dict):
                for name in value.keys() - wanted.keys():
                    yield f"{at}.{name}: not described"
                for name in value.keys() & wanted.keys():
                    yield from violations(value[name], wanted[name], document, f"{at}.{name}")
        case "required":
            if isinstance(value, dict):
                for name in set(wanted) - value.keys():
                    yield f"{at}.{name}: missing"
        case "items":
            if isinstance(value, list):
                for number, item in enumerate(value):
                    yield from violations(item, wanted, document, f"{at}[{number}]")
        case "format":
            if isinstance(value, str) and not _has_format(value, wanted):
                yield f"{at}: {value!r} is no {wanted}"
        case "minLength" | "maxLength" | "minItems" | "maxItems":
            if isinstance(value, str | list) and not _fits(keyword, len(value), wanted):
                yield f"{at}: length {len(value)} against {keyword} {wanted}"
        case "additionalProperties":
            if wanted is not False:
                yield f"{at}: additionalProperties is not read here"
        case _:
            yield f"{at}: the keyword {keyword} is not known here"


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _TYPES[kind])


def _fits(keyword: str, length: int, bound: int) -> bool:
    return length >= bound if keyword.startswith("min") else length <= bound


def _has_format(text: str, name: str) -> bool:
    try:
        match name:
            case "uuid":
                return str(UUID(text)) == text
            case "date-time":
                return datetime.fromisoformat(text).utcoffset() is not None and re.search(r"Z\Z", text) is not None
    except ValueError:
        return False
    raise AssertionError(f"the format {name} is not known here")
