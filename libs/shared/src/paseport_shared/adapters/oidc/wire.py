"""What a provider wrote, read in one way or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

MAX_DOCUMENT_BYTES: Final = 256 * 1024
"""The largest document that is read. The worst of this size takes 30 ms, in which nobody else is served."""
_MAX_SHOWN: Final = 200
_END_OF_TIME: Final = 253_402_300_799
"""The last second of the year 9999, which is as far as a ``datetime`` reaches."""


class Unreadable(Exception):
    """This is no document that everybody would read alike. The message says why, for the log."""


def read_document(body: bytes) -> Any:
    """Return what a JSON document says, or raise ``Unreadable``.

    It is read twice. msgspec is the stricter reader: UTF-8 alone, no lone surrogates, no ``NaN``, no numbers that a
    machine rounds to infinity. It keeps the last of two members of one name, where the provider's own library may have
    kept the first: whoever can put a member into a document would choose what the other one reads. The standard library
    shows both, and such a document is refused (RFC 8259 §4).
    """
    if len(body) > MAX_DOCUMENT_BYTES:
        raise Unreadable(f"more than {MAX_DOCUMENT_BYTES} bytes")
    try:
        document = msgspec.json.decode(body)
        json.loads(body, object_pairs_hook=_refuse_twins)
    except RecursionError:
        # Without its cause, whose traceback is as deep as the document.
        raise Unreadable("nested too deeply") from None
    except ValueError as error:
        raise Unreadable("no JSON, or JSON that could be read in two ways") from error
    return document


def read_object(body: bytes) -> dict[str, Any]:
    """Return the members of a JSON object, or raise ``Unreadable``."""
    document = read_document(body)
    if not isinstance(document, dict):
        raise Unreadable("no JSON object")
    return document


def shown(text: object) -> str:
    """Return what somebody else wrote as the log may have it: on one line, in ASCII, and not much of it (XI-14)."""
    return ascii(text if isinstance(text, str) else repr(text))[:_MAX_SHOWN]


def read_time(value: object) -> datetime | None:
    """Return the time of a NumericDate (RFC 7519 §2), None for anything else.

    To Python ``true`` is a number too. What is no finite number is in no range.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return datetime.fromtimestamp(value, UTC) if 0 <= value <= _END_OF_TIME else None


def _refuse_twins(members: Iterable[tuple[str, Any]]) -> None:
    names = [name for name, _ in members]
    if len(set(names)) < len(names):
        raise ValueError("a member is there twice")
